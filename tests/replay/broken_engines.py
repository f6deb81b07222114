"""Engines that break what a scenario probes: for every file of the library, what turns it red."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from bench.engine import echo, fallback, turns
from bench.engine.echo import Echo
from bench.engine.retold import Retold
from bench.engine.settings import ConversationSettings
from bench.engine.transcript import Message
from bench.engine.turns import Decision, TurnTaker
from bench.engine.vad import level_db
from bench.speech.silero import SileroStream

Mutation = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Break:
    """A broken engine, in words, and the expectation that tells: `mutate` breaks it, `expectation`
    is one that then fails."""

    what: str
    expectation: str
    mutate: Mutation


def settings(**changed: Any) -> Mutation:
    """An engine with other settings, whatever a scenario asks for."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        original = ConversationSettings.changed

        def other(self: ConversationSettings, **asked: Any) -> ConversationSettings:
            return original(self, **{**asked, **changed})

        patch.setattr(ConversationSettings, "changed", other)

    return mutate


def forgetful(name: str, where: ModuleType = turns) -> Mutation:
    """An engine that knows no words of some kind."""
    return lambda patch: patch.setattr(where, name, lambda *words: False)


def history_as_intended(patch: pytest.MonkeyPatch) -> None:
    """An engine whose history holds what it meant to say."""
    settle = Message.settle

    def intended(self: Message, text: str, **how: Any) -> None:
        settle(self, self.intended or self._text, **how)

    patch.setattr(Message, "settle", intended)


def louder_than(level: float) -> Mutation:
    """A detector that takes any sound above a level for speech."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        def loud(self: SileroStream, window: bytes) -> float:
            return 1.0 if level_db(bytes(window)) > level else 0.0

        patch.setattr(SileroStream, "probability", loud)

    return mutate


def newest_final_only(patch: pytest.MonkeyPatch) -> None:
    """An engine that forgets what was said before the newest final."""
    collect = TurnTaker._collect

    def forget(self: TurnTaker, text: str, at: float, *, final: bool, **more: Any) -> None:
        if final:
            self._finals.clear()
        collect(self, text, at, final=final, **more)

    patch.setattr(TurnTaker, "_collect", forget)


def gullible(patch: pytest.MonkeyPatch) -> None:
    """An engine that takes all that it is told for new."""
    patch.setattr(Retold, "why", lambda self, said: "")


def incorrigible(patch: pytest.MonkeyPatch) -> None:
    """An engine that does not learn from sounds that stop as soon as it is silent."""
    patch.setattr(Echo, "sound_ended", lambda self, held_seconds: None)


def alone(patch: pytest.MonkeyPatch) -> None:
    """An engine that has no use for a backup."""
    patch.setattr(fallback, "decide", lambda *failure, **more: "give up")


def slower_with_every_turn(patch: pytest.MonkeyPatch) -> None:
    """An engine that waits 5 ms longer after each turn."""
    commit = TurnTaker._commit

    def tire(self: TurnTaker, reason: str) -> Decision:
        waits = self.settings.end_of_turn_seconds
        self.settings = self.settings.changed(end_of_turn_seconds=waits + 0.005)
        return commit(self, reason)

    patch.setattr(TurnTaker, "_commit", tire)


def _each(names: Sequence[str], broken: Break) -> dict[str, Break]:
    return dict.fromkeys(names, broken)


_INTENDED = Break(
    "the history holds what it meant to say", "context_equals_heard", history_as_intended
)
_NO_APOLOGY = Break("a failure is not told", "bot_says", settings(apology=None))
_GULLIBLE = Break("a final is always news", "interrupts", gullible)

BREAKS: dict[str, Break] = {
    "plain-turn": Break("it waits 1.5 s", "endpoint_delay_ms", settings(end_of_turn_seconds=1.5)),
    "long-turn": Break(
        "0.3 s without a new word end a turn", "user_turns", settings(no_new_words_seconds=0.3)
    ),
    "inner-pause-300ms": Break("only the newest final counts", "transcript", newest_final_only),
    "inner-pause-600ms": Break(
        "0.3 s of silence end any turn",
        "user_turns",
        settings(end_of_turn_seconds=0.3, trailing_turn_seconds=0.3),
    ),
    "inner-pause-900ms": Break("no word trails off", "user_turns", forgetful("trails_off")),
    "inner-pause-1500ms": Break(
        "an answer is never withdrawn",
        "bot_says",
        settings(trailing_turn_seconds=0.7, barge_in="never"),
    ),
    "slow-speaker": Break(
        "0.3 s of silence end a turn", "user_turns", settings(end_of_turn_seconds=0.3)
    ),
    "fast-speaker": Break(
        "speech must last 1.3 s to be noticed", "endpoint_delay_ms", settings(vad_start_windows=40)
    ),
    "spelled-number": Break("only the newest final counts", "heard_wer", newest_final_only),
    "interrupt-first-word": _INTENDED,
    "interrupt-mid-sentence": _INTENDED,
    "interrupt-last-word": Break("it never stops", "cut_words", settings(barge_in="never")),
    "interrupt-between-sentences": _INTENDED,
    "interrupt-double": Break("it wants three words", "stop_ms", settings(barge_in="on-words(3)")),
    "interrupt-during-thinking": Break(
        "it never stops", "not_said_after", settings(barge_in="never")
    ),
    "interrupt-stop-word": Break("it knows no stop", "interrupts", forgetful("has_stop_word")),
    "interrupt-greeting": Break(
        "its greeting cannot be interrupted",
        "interrupts",
        settings(greeting_interruptible=False),
    ),
    "notice-not-interruptible": Break(
        "its notice can be interrupted", "interrupts", settings(greeting_interruptible=True)
    ),
    "mhm-three-times": Break("it knows no mhm", "interrupts", forgetful("is_backchannel")),
    "cough": Break("any sound is speech", "events", louder_than(-40)),
    "throat-clearing": Break("it waits 5 s", "hold_ms", settings(resume_seconds=5.0)),
    "side-talk": Break("unclear words stop it", "interrupts", settings(interrupt_confidence=0.05)),
    **_each(
        ["babble-20db", "babble-10db", "babble-5db", "babble-0db"],
        Break("any sound is speech", "endpoint_delay_ms", louder_than(-60)),
    ),
    **_each(
        [f"loss-{rate}-percent-{how}" for rate in (1, 3, 5) for how in ("random", "bursty")],
        Break(
            "a hole of 0.1 s ends a turn",
            "endpoint_delay_ms",
            settings(vad_end_seconds=0.03, end_of_turn_seconds=0.1),
        ),
    ),
    "g711": Break("only the surest speech counts", "stop_ms", settings(vad_threshold=0.999)),
    "late-line": Break("it wants three words", "stop_ms", settings(barge_in="on-words(3)")),
    "echo-minus-20db": Break(
        "it does not know its own words", "interrupts", forgetful("is_echo", echo)
    ),
    "echo-minus-35db": Break("it never learns its echo", "hold_ms", incorrigible),
    "barge-in-never": Break(
        "it holds all the same", "events", settings(barge_in="hold-then-decide")
    ),
    "barge-in-on-vad": Break("it holds first", "events", settings(barge_in="hold-then-decide")),
    "barge-in-on-words": Break("any sound stops it", "stop_ms", settings(barge_in="on-vad")),
    "response-buffered": Break(
        "it speaks sentence by sentence", "flush_gap_ms", settings(response_mode="streaming")
    ),
    "echo-mute": Break("it is not deaf", "interrupts", settings(echo="browser-aec")),
    "idle-twice": Break("it waits 12 s", "between_s", settings(idle_seconds=12.0)),
    "tts-disconnect-mid-sentence": _NO_APOLOGY,
    "tts-malformed": _INTENDED,
    "llm-429-then-ok": _NO_APOLOGY,
    "llm-stall": Break("it waits 20 s", "failures", settings(stall_seconds=20.0)),
    **_each(["llm-fallback", "tts-fallback"], Break("nobody takes over", "reply", alone)),
    "stt-duplicate-final": Break("a final is always news", "transcript", gullible),
    "stt-late-final": _GULLIBLE,
    "stt-no-final": Break(
        "it waits 5 s for a final", "endpoint_delay_ms", settings(final_wait_seconds=5.0)
    ),
    "all-slow": Break("it waits 1 s", "reply", settings(first_result_seconds=1.0)),
    "tool-answered": Break("it gives a tool half a second", "reply", settings(tool_seconds=0.5)),
    "tool-interrupted": Break("it never stops", "reply", settings(barge_in="never")),
    "goodbye": Break("it knows no goodbye", "ends", settings(end_phrases=())),
    "three-stacks-turn": Break("it waits 9 s", "v2v_ms", settings(end_of_turn_seconds=9.0)),
    "three-stacks-interrupt": _INTENDED,
    "forty-turns": Break(
        "it waits 5 ms longer after each turn", "endpoint_delay_ms", slower_with_every_turn
    ),
}
"""By the scenario's id."""
