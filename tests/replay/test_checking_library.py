"""The library passes, and an engine that breaks what a file probes turns that file red."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.engine import turns
from bench.engine.settings import ConversationSettings
from bench.engine.transcript import Message
from bench.engine.vad import level_db
from bench.replay.reading import files_of
from bench.replay.runs import Run
from bench.replay.runner import run
from bench.speech.silero import SileroStream

pytestmark = pytest.mark.replay

LIBRARY = Path(__file__).parents[2] / "scenarios"
FILES = files_of([LIBRARY])

Mutation = Callable[[pytest.MonkeyPatch], None]


def settings(**changed: Any) -> Mutation:
    """An engine with another default."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        original = ConversationSettings.changed

        def other(self: ConversationSettings, **asked: Any) -> ConversationSettings:
            return original(self, **{**asked, **changed})

        patch.setattr(ConversationSettings, "changed", other)

    return mutate


def forgetful(name: str) -> Mutation:
    """An engine that knows no words of some kind."""
    return lambda patch: patch.setattr(turns, name, lambda text: False)


def history_as_intended(patch: pytest.MonkeyPatch) -> None:
    """An engine whose history holds what it meant to say."""
    settle = Message.settle

    def intended(self: Message, text: str, **how: Any) -> None:
        settle(self, self._text, **how)

    patch.setattr(Message, "settle", intended)


def taken_in_by_any_sound(patch: pytest.MonkeyPatch) -> None:
    """A detector that goes by loudness."""

    def loud(self: SileroStream, window: bytes) -> float:
        return 1.0 if level_db(bytes(window)) > -40 else 0.0

    patch.setattr(SileroStream, "probability", loud)


MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "plain-turn": (settings(end_of_turn_seconds=1.5), "endpoint_delay_ms"),
    "inner-pause-600ms": (
        settings(end_of_turn_seconds=0.3, trailing_turn_seconds=0.3),
        "user_turns",
    ),
    "mid-sentence": (history_as_intended, "context_equals_heard"),
    "during-thinking": (settings(barge_in="never"), "not_said_after"),
    "double": (settings(barge_in="on-words(3)"), "stop_ms"),
    "stop-word": (forgetful("has_stop_word"), "interrupts"),
    "mhm-three-times": (forgetful("is_backchannel"), "interrupts"),
    "cough": (taken_in_by_any_sound, "events"),
    "throat-clearing": (settings(resume_seconds=5.0), "hold_ms"),
    "idle-twice": (settings(idle_seconds=12.0), "between_s"),
    "tts-disconnect-mid-sentence": (settings(apology=None), "bot_says"),
}


def wrong(done: Run) -> list[str]:
    """The expectations that do not hold."""
    return [verdict.expectation for verdict in done.verdicts if verdict.status != "pass"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_passes(path: Path) -> None:
    (done,) = run(path, repeat=1)
    assert (done.status, wrong(done)) == ("pass", [])


@pytest.mark.parametrize("name", MUTATIONS)
def test_it_turns_red(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, probed = MUTATIONS[name]
    (path,) = [path for path in FILES if path.stem == name]
    mutate(monkeypatch)
    (done,) = run(path, repeat=1)
    assert done.status == "fail"
    assert any(expectation.endswith(f".{probed}") for expectation in wrong(done))
