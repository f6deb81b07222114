"""The table of defaults: how a conversation behaves unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from bench.errors import ConfigError

RESPONSE_MODES = ("streaming", "buffered", "tokens")
ECHO_MODES = ("browser-aec", "mute")


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Everything that can be set for one conversation; durations are seconds."""

    response_mode: str = "streaming"  # or "buffered": all in one synthesis call; or "tokens"
    barge_in: str = "hold-then-decide"  # or "on-words(n)", "on-vad", "never"
    echo: str = "browser-aec"  # or "mute": deaf while the bot is heard

    vad_threshold: float = 0.7  # probability that starts speech …
    vad_start_windows: int = 2  # … in so many windows of 32 ms running
    vad_end_threshold: float = 0.45  # speech ends below this …
    vad_end_seconds: float = 0.2  # … for so long

    end_of_turn_seconds: float = 0.7  # after the end of speech
    complete_turn_seconds: float = 0.4  # when the agent finds the utterance complete
    trailing_turn_seconds: float = 1.5  # after a trailing function word
    final_wait_seconds: float = 1.0  # for the final of words known only as a partial
    no_new_words_seconds: float = 3.0  # ends a turn although there is sound all the time

    interrupt_confidence: float = 0.3  # below it, words do not interrupt
    interrupt_voiced_seconds: float = 0.6  # of voiced sound without words
    resume_seconds: float = 0.8  # after the sound ended without words
    cleared_wait_seconds: float = 0.25  # for the client's answer to `clear`

    greeting: str | None = None
    greeting_interruptible: bool = True
    idle_seconds: float | None = 8.0  # of silence until an idle prompt; None: never
    idle_prompts: tuple[str, ...] = ("Are you still there?", "Take your time. I am here.")
    goodbye: str = "Goodbye."
    end_phrases: tuple[str, ...] = ("goodbye", "good bye", "bye bye")
    apology: str | None = "Sorry, something went wrong. Could you say that again?"

    lead_seconds: float = 0.2  # audio sent ahead of the loudspeaker
    chunk_seconds: float = 0.02  # of audio a chunk

    first_result_seconds: float = 8.0
    stall_seconds: float = 3.0
    tool_seconds: float = 8.0  # for one call of a tool

    measure_joins: bool = False  # level and pitch steps where synthesis calls meet

    def __post_init__(self) -> None:
        """Refuse values that cannot work, with the ones that can."""
        _one_of("response_mode", self.response_mode, RESPONSE_MODES)
        _one_of("echo", self.echo, ECHO_MODES)
        barge_in_words(self.barge_in)
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name.endswith("_seconds") and (value is not None or name != "idle_seconds"):
                _within(name, value, 0, 3600, " seconds")
        for name in ("vad_threshold", "vad_end_threshold", "interrupt_confidence"):
            _within(name, getattr(self, name), 0, 1)
        _within("chunk_seconds", self.chunk_seconds, 0.005, 0.2)
        if self.lead_seconds < self.chunk_seconds:  # the loudspeaker would run dry at every chunk
            want = f"at least chunk_seconds, {self.chunk_seconds}"
            raise ConfigError(f"lead_seconds is {self.lead_seconds!r}: want {want}")
        if self.vad_start_windows < 1:
            raise ConfigError(f"vad_start_windows is {self.vad_start_windows!r}: want 1 or more")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The settings there are."""
        return tuple(field.name for field in fields(cls))

    def shown(self) -> dict[str, Any]:
        """All of them, as they come back from a written trace."""
        shown = {name: getattr(self, name) for name in self.names()}
        return shown | {name: list(shown[name]) for name in ("idle_prompts", "end_phrases")}

    def changed(self, **settings: Any) -> ConversationSettings:
        """A copy with some settings changed.

        Raises:
            ConfigError: an unknown name (the message lists the known ones) or an impossible value.
        """
        unknown = sorted(set(settings) - set(self.names()))
        if unknown:
            known = ", ".join(self.names())
            raise ConfigError(f"unknown setting {', '.join(unknown)}; known are: {known}")
        return replace(self, **settings)


def barge_in_words(policy: str) -> int | None:
    """The n of `on-words(n)`, None for the other policies.

    Raises:
        ConfigError: no such policy.
    """
    if policy in ("hold-then-decide", "on-vad", "never"):
        return None
    inside = policy.removeprefix("on-words(").removesuffix(")")
    if policy == f"on-words({inside})" and inside.isdecimal() and int(inside) > 0:
        return int(inside)
    raise ConfigError(
        f"barge_in is {policy!r}: want hold-then-decide, on-words(n), on-vad or never"
    )


def _within(name: str, value: object, low: float, high: float, unit: str = "") -> None:
    if not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}: want {low} to {high}{unit}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}: want {' or '.join(allowed)}")
