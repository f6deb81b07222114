"""What changed between two recordings of a scenario: only what a provider owes."""

from dataclasses import replace
from typing import Any

import pytest

from bench.audio import SAMPLE_RATE
from bench.providers.cassette import Answered, Cassette, Failure, Heard, Part, Spoke
from bench.replay.drift import Drift, drift
from bench.simulation import tone

pytestmark = pytest.mark.unit

LINE = "When are you open?"
REPLY = "From nine to five."


def heard(text: str = LINE, late: float = 0.3, shift: float = 0.0) -> Heard:
    words = [
        (word, round((at + shift) * SAMPLE_RATE), round((at + shift + 0.2) * SAMPLE_RATE), 1.0)
        for at, word in enumerate(text.split(), 1)
    ]
    end = words[-1][2] if words else 0
    said = {"message": text, "is_final": True, "words": words}
    return Heard(end + round(late * SAMPLE_RATE), "digest", 0.0, said)


def answered(first: float = 0.4, **fields: Any) -> Answered:
    return Answered("digest", LINE, [(first, {"text": REPLY, **fields})], first + 0.1, whole=True)


def recording(
    ears: Heard | None = None, mind: Answered | None = None, loud: float = 1.0, slow: float = 0.0
) -> Cassette:
    pcm, words = tone.speak(REPLY)
    quiet = b"".join(
        round(loud * int.from_bytes(pcm[i : i + 2], "little", signed=True)).to_bytes(
            2, "little", signed=True
        )
        for i in range(0, len(pcm), 2)
    )
    spoke = Spoke(
        REPLY,
        640,
        chunks=[(0.2 + slow, len(pcm), len(words))],
        words=[(word, end) for word, _, end in words],
        ended_seconds=0.3 + slow,
        whole=True,
    )
    parts = {
        "transcriber": Part("transcriber", "ears"),
        "agent": Part("agent", "mind", "a-model"),
        "synthesizer": Part("synthesizer", "mouth", voice="a-voice", rate=SAMPLE_RATE),
    }
    return Cassette(parts, [ears or heard(), mind or answered(), spoke], bytearray(quiet))


def test_what_is_the_same_has_not_drifted():
    assert drift(recording(), recording()) == []


@pytest.mark.parametrize(
    "now",
    [
        recording(heard(late=0.35)),
        recording(heard("when are you open")),
        recording(heard(shift=0.1)),
        recording(mind=answered(0.45)),
        recording(mind=answered(1.1)),
        recording(loud=0.8),
    ],
)
def test_luck_is_no_drift(now: Cassette):
    assert drift(recording(), now) == []


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (
            recording(heard("When are you closed?")),
            Drift("transcriber", "words", "as follows", "When are you [-open?-] {+closed?+}"),
        ),
        (
            recording(heard(late=1.1)),
            Drift("transcriber", "final after its last word", "300 ms", "1100 ms"),
        ),
        (
            recording(heard(shift=0.4)),
            Drift("transcriber", "place of a word", "1.00 s", "1.40 s"),
        ),
        (
            recording(replace(heard(), said=None, failed=Failure("Stalled"))),
            Drift("transcriber", "failures", "none", "Stalled"),
        ),
        (recording(mind=answered(1.4)), Drift("agent", "first text", "400 ms", "1400 ms")),
        (
            recording(mind=answered(tool_calls=[{"name": "book"}])),
            Drift("agent", "tools called", "none", "book"),
        ),
        (recording(loud=0.4), Drift("synthesizer", "loudness", "-11.5 dB", "-19.5 dB")),
        (recording(slow=0.5), Drift("synthesizer", "first audio", "200 ms", "700 ms")),
    ],
)
def test_what_a_provider_owes_is_told(now: Cassette, found: Drift):
    told = drift(recording(), now)
    if found.what == "loudness":
        assert [(one.role, one.what) for one in told] == [(found.role, found.what)]
    else:
        assert found in told


def test_another_voice_and_a_shorter_speech():
    was, now = recording(), recording()
    now.parts["synthesizer"] = replace(now.parts["synthesizer"], voice="another")
    *_, spoke = now.events
    assert isinstance(spoke, Spoke)
    size = len(now.speech) // 4 * 2
    now.events[-1] = replace(spoke, chunks=[(0.2, size, 4)], words=spoke.words[:3])
    assert [one.what for one in drift(was, now)] == [
        "voice",
        f"words timed in {REPLY!r}",
        f"length of {REPLY!r}",
    ]


def test_each_voice_and_each_backup_is_held_against_itself():
    was, now = recording(), recording()
    for tape, late in ((was, 0.0), (now, 0.9)):
        tape.parts["agent_fallback"] = Part("agent_fallback", "second")
        tape.events.append(replace(answered(0.3 + late), by="agent_fallback"))
    assert drift(was, now) == [Drift("agent_fallback", "first text", "300 ms", "1200 ms")]
    del now.parts["agent_fallback"]
    assert drift(was, now) == [Drift("agent_fallback", "provider", "second", "nobody")]


def test_five_are_more_than_luck():
    was, now = recording(), recording(mind=answered(0.7))
    was.events += [answered() for _ in range(4)]
    now.events += [answered(0.7) for _ in range(4)]
    assert drift(was, now) == [Drift("agent", "first text", "400 ms", "700 ms")]
