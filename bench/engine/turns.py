"""Whose turn is it? Sound, words and silence in; wait, hold, resume, interrupt or reply out.

Pure: it is told the time and never asks for it. Read `TurnTaker` as a table: a method for each
thing that can happen, a line for each answer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.engine.echo import Echo
from bench.engine.settings import ConversationSettings, barge_in_words
from bench.engine.words import has_stop_word, is_backchannel, is_fragment, trails_off, words_of

PROVIDER_END_SECONDS = 6.0  # for a provider that ends turns itself: of their own they wait 5


class Bot(enum.Enum):
    """What the bot is doing."""

    IDLE = enum.auto()
    THINKING = enum.auto()
    SPEAKING = enum.auto()
    HELD = enum.auto()  # was thinking or speaking, paused


class Act(enum.Enum):
    """What to do about it."""

    WAIT = enum.auto()
    HOLD = enum.auto()
    RESUME = enum.auto()
    INTERRUPT = enum.auto()
    REPLY = enum.auto()  # the user's turn is over: `text` goes to the agent
    IGNORE = enum.auto()  # these words are nobody's turn


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and for `REPLY` with which words."""

    act: Act
    reason: str = ""
    text: str = ""


WAIT = Decision(Act.WAIT)


class TurnTaker:
    """Decides endpointing and barge-in.

    `due` is when `elapsed` wants to be called, if at all; it may be now, so look after every event.
    """

    def __init__(
        self,
        settings: ConversationSettings,
        is_complete: Callable[[str], bool] = lambda text: False,
    ) -> None:
        self.settings = settings
        self.is_complete = is_complete
        self.speaking = False
        self._finals: list[str] = []
        self._partial = ""
        self._ended_at: float | None = None  # end of speech, or of words where there is no VAD
        self._words_at = 0.0
        self._provider_ended = False
        self._provider_undecided = False  # it ends turns itself, and has not ended this one
        self._resume_at: float | None = None
        self._held_at: float | None = None
        self._echo = Echo()
        self._overlaps = True  # the sound may have begun while the bot was busy
        self._nodded = False  # the sound that holds the bot has been understood as a backchannel
        self._unclear = False  # the sound has words, too unclear to interrupt

    @property
    def text(self) -> str:
        """The user's turn so far."""
        return " ".join([*self._finals, self._partial] if self._partial else self._finals)

    @property
    def due(self) -> float | None:
        """The next instant at which silence alone decides something."""
        instants = [at for at in (self._resume_at, self._reply_at()) if at is not None]
        return min(instants, default=None)

    # What can happen

    def speech_started(self, at: float, bot: Bot, level_db: float = 0.0) -> Decision:
        """The user's sound began."""
        self.speaking, self._ended_at, self._resume_at = True, None, None
        self._nodded = self._unclear = False
        self._overlaps = bot is not Bot.IDLE
        self._echo.sound_began(level_db)
        policy = self.settings.barge_in
        if bot is Bot.IDLE or policy == "never":
            return WAIT
        if bot is Bot.HELD:
            self._resume_at = self._undecided_until(at)
        if self._echo.is_as_soft:
            return WAIT
        if policy == "on-vad":
            return Decision(Act.INTERRUPT, "sound")
        if policy == "hold-then-decide" and bot is not Bot.HELD:
            self._held_at = at
            self._resume_at = self._undecided_until(at)
            return Decision(Act.HOLD, "sound")
        return WAIT

    def voiced(self, seconds: float, bot: Bot) -> Decision:
        """The user's sound has lasted this long without a pause."""
        enough = seconds >= self.settings.interrupt_voiced_seconds and not self._unclear
        if bot is Bot.HELD and enough:
            return Decision(Act.INTERRUPT, "long sound")
        return WAIT

    def speech_stopped(self, at: float, bot: Bot) -> Decision:
        """The user's sound ended, at `at` (the end itself, not its notice)."""
        self.speaking, self._ended_at = False, at
        if bot is Bot.HELD:
            self._resume_at = at + self.settings.resume_seconds
            self._echo.sound_ended(None if self._held_at is None else at - self._held_at)
            if self._nodded:
                self._resume_at = None
                return Decision(Act.RESUME, "backchannel")
        return WAIT

    def heard(
        self,
        text: str,
        at: float,
        bot: Bot,
        *,
        final: bool,
        ends_turn: bool | None = None,
        confidence: float = 1.0,
        playing: Sequence[str] = (),
    ) -> Decision:
        """Words arrived, or none after all; `playing` are the bot's own around the loudspeaker."""
        if not words_of(text) and not (final and ends_turn):
            self._partial = "" if final else self._partial
            return WAIT
        if (bot is not Bot.IDLE or self._overlaps) and self._echo.may_be(text, playing):
            return self._own_echo(bot, final=final)
        if bot is Bot.IDLE:
            self._collect(text, at, final=final, ends_turn=ends_turn)
            return WAIT
        if not final and self._echo.may_be_misheard(text, playing):
            return WAIT  # what follows will tell whose word it is
        if confidence < self.settings.interrupt_confidence and not has_stop_word(text):
            self._unclear = True
            return Decision(Act.IGNORE, "unclear") if final else WAIT
        return self._while_busy(text, at, bot, final=final, ends_turn=ends_turn)

    def elapsed(self, at: float, bot: Bot) -> Decision:
        """Time passed; call it when `due` has come."""
        if self._resume_at is not None and at >= self._resume_at:
            self._resume_at = None
            if bot is Bot.HELD:
                return Decision(Act.RESUME, "no words")
        reply_at = self._reply_at()
        if reply_at is not None and at >= reply_at:
            return self._commit(self._why())
        return WAIT

    def interrupted(self) -> None:
        """The bot was stopped, by whomever: nothing is left to resume."""
        self._resume_at = self._held_at = None
        self._echo.interrupted()

    # While the bot is busy

    def _while_busy(
        self, text: str, at: float, bot: Bot, *, final: bool, ends_turn: bool | None
    ) -> Decision:
        never = self.settings.barge_in == "never"
        if is_backchannel(text) and not never and not self._finals:
            return self._backchannel(text, bot, final=final)
        if is_fragment(text) and not never and not self._finals:
            self._partial = ""
            return Decision(Act.IGNORE, "fragment") if final else WAIT
        self._nodded = self._unclear = False
        self._collect(text, at, final=final, ends_turn=ends_turn)
        if never:
            return WAIT
        if has_stop_word(text):
            return Decision(Act.INTERRUPT, "stop word")
        wanted = barge_in_words(self.settings.barge_in)
        if len(words_of(self.text)) >= (wanted or 1):
            return Decision(Act.INTERRUPT, "words")
        return WAIT

    def _backchannel(self, text: str, bot: Bot, *, final: bool) -> Decision:
        if not final:
            return WAIT
        self._partial = ""
        if bot is Bot.HELD and not self.speaking:
            self._resume_at = None
            return Decision(Act.RESUME, "backchannel", text)
        self._nodded = bot is Bot.HELD
        return Decision(Act.IGNORE, "backchannel", text)

    def _own_echo(self, bot: Bot, *, final: bool) -> Decision:
        self._partial = ""
        self._echo.recognised()
        if bot is Bot.HELD:
            self._resume_at = None
            return Decision(Act.RESUME, "echo")
        return Decision(Act.IGNORE, "echo") if final else WAIT

    def _undecided_until(self, at: float) -> float:
        """When a sound that began at `at` is decided at the latest: by then its end was noticed, or
        it was long enough to interrupt, unless the microphone itself has gone."""
        settings = self.settings
        longest = settings.interrupt_voiced_seconds + settings.vad_end_seconds
        return at + longest + settings.resume_seconds

    # Endpointing

    def _collect(self, text: str, at: float, *, final: bool, ends_turn: bool | None) -> None:
        if final:
            self._partial = ""
            if words_of(text):
                self._finals.append(text.strip())
        else:
            self._partial = text.strip()
        self._words_at = at
        if not self.speaking and self._ended_at is None:
            self._ended_at = at
        self._provider_ended = final and bool(ends_turn)
        self._provider_undecided = ends_turn is False

    def _reply_at(self) -> float | None:
        if not self.text:
            return None
        settings = self.settings
        if self._provider_ended:
            return self._words_at
        if self._provider_undecided:
            return max(self._words_at, self._ended_at or 0.0) + PROVIDER_END_SECONDS
        if self.speaking or self._ended_at is None:
            return self._words_at + settings.no_new_words_seconds
        if self._partial:
            silent = max(self._ended_at + settings.end_of_turn_seconds, self._words_at)
            return silent + settings.final_wait_seconds  # words that come late come one by one
        return max(self._ended_at + self._patience(), self._words_at)

    def _patience(self) -> float:
        if trails_off(self.text):
            return self.settings.trailing_turn_seconds
        if self.is_complete(self.text):
            return self.settings.complete_turn_seconds
        return self.settings.end_of_turn_seconds

    def _why(self) -> str:
        if self._provider_ended:
            return "provider"
        if self._provider_undecided:
            return "no final"
        if self.speaking or self._ended_at is None:
            return "no new words"
        if self._partial:
            return "no final"
        if trails_off(self.text):
            return "trailing"
        return "complete" if self.is_complete(self.text) else "silence"

    def _commit(self, reason: str) -> Decision:
        text = self.text
        self._echo.turn_over()
        self._finals.clear()
        self._partial = ""
        self._ended_at = None
        self._provider_ended = self._provider_undecided = False
        self._overlaps = True
        return Decision(Act.REPLY, reason, text)
