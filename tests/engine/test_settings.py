"""The table of defaults is the table of the design, and errors say how to mend them."""

import pytest

from bench.engine.settings import ConversationSettings, barge_in_words
from bench.errors import ConfigError

pytestmark = pytest.mark.unit


def test_the_defaults():
    settings = ConversationSettings()
    assert (settings.vad_threshold, settings.vad_start_windows) == (0.7, 2)
    assert (settings.vad_end_threshold, settings.vad_end_seconds) == (0.45, 0.2)
    assert settings.end_of_turn_seconds == 0.7
    assert settings.complete_turn_seconds == 0.4
    assert settings.trailing_turn_seconds == 1.5
    assert (settings.interrupt_voiced_seconds, settings.resume_seconds) == (0.6, 0.8)
    assert (settings.idle_seconds, len(settings.idle_prompts)) == (8.0, 2)
    assert settings.lead_seconds == 0.2
    assert (settings.first_result_seconds, settings.stall_seconds) == (8.0, 3.0)
    assert (settings.response_mode, settings.barge_in) == ("streaming", "hold-then-decide")
    assert settings.echo == "browser-aec"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "response_mode",
            "quick",
            "response_mode is 'quick': want streaming or buffered or tokens",
        ),
        ("echo", "none", "echo is 'none': want browser-aec or mute"),
        (
            "barge_in",
            "on-words(0)",
            "barge_in is 'on-words(0)': want hold-then-decide, on-words(n), on-vad or never",
        ),
        ("resume_seconds", -1, "resume_seconds is -1: want 0 to 3600 seconds"),
        ("idle_seconds", 3601, "idle_seconds is 3601: want 0 to 3600 seconds"),
        ("resume_seconds", float("nan"), "resume_seconds is nan: want 0 to 3600 seconds"),
        ("resume_seconds", "2", "resume_seconds is '2': want 0 to 3600 seconds"),
        ("resume_seconds", None, "resume_seconds is None: want 0 to 3600 seconds"),
        ("chunk_seconds", 0.001, "chunk_seconds is 0.001: want 0.005 to 0.2"),
        ("chunk_seconds", 1, "chunk_seconds is 1: want 0.005 to 0.2"),
        ("lead_seconds", 0.01, "lead_seconds is 0.01: want at least chunk_seconds, 0.02"),
        ("vad_threshold", 7, "vad_threshold is 7: want 0 to 1"),
        ("vad_end_threshold", -0.1, "vad_end_threshold is -0.1: want 0 to 1"),
        ("interrupt_confidence", 1.5, "interrupt_confidence is 1.5: want 0 to 1"),
        ("vad_start_windows", 0, "vad_start_windows is 0: want 1 or more"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(name: str, value: object, text: str):
    with pytest.raises(ConfigError) as caught:
        ConversationSettings().changed(**{name: value})
    assert str(caught.value) == text


def test_only_the_idle_prompt_can_be_switched_off_by_nothing():
    assert ConversationSettings().changed(idle_seconds=None).idle_seconds is None


def test_an_unknown_setting_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match="unknown setting color, tempo; known are: ") as caught:
        ConversationSettings().changed(tempo=1, color=2)
    assert all(name in str(caught.value) for name in ConversationSettings.names())


@pytest.mark.parametrize(
    ("policy", "words"),
    [("hold-then-decide", None), ("on-vad", None), ("never", None), ("on-words(12)", 12)],
)
def test_policies(policy: str, words: int | None):
    assert barge_in_words(policy) == words


@pytest.mark.parametrize(
    "policy", ["on-words", "on-words()", "on-words(-1)", "on-words(1", "on-words(²)", "", "On-VAD"]
)
def test_no_policies(policy: str):
    with pytest.raises(ConfigError, match="want hold-then-decide"):
        barge_in_words(policy)
