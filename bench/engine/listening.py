"""Sound and words in, turns out: asks `turns` what to do and does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.agent import TranscriptionAgentInput
from bench.engine.floor import Floor
from bench.engine.retold import Retold
from bench.engine.transcriber import Transcription
from bench.engine.turns import Act, Bot, Decision, TurnTaker
from bench.engine.vad import SpeechStarted, SpeechStopped, VoiceActivityDetector
from bench.engine.worker import BaseWorker
from bench.events import (
    TranscriptIgnored,
    TranscriptReceived,
    TurnWithdrawn,
    UserStartedSpeaking,
    UserStoppedSpeaking,
    Word,
)


class TranscriptionsWorker(BaseWorker):
    """Takes `Transcription`s, puts `TranscriptionAgentInput`s: one for each turn of the user's.

    Voice activity comes in by `listen`, silence by a timer at the turn taker's `due`.
    """

    def __init__(
        self,
        input_queue: asyncio.Queue[Any],
        output_queue: asyncio.Queue[Any],
        floor: Floor,
        turns: TurnTaker,
        commit: Callable[[Transcription, str], TranscriptionAgentInput],
    ) -> None:
        super().__init__(input_queue, output_queue)
        self.floor = floor
        self.turns = turns
        self.interrupts = False  # whether the user's turn so far has cut in on the bot
        self.provider = ""  # of the words
        self.on_activity: Callable[[], None] | None = None  # the user made a sound or spoke
        self._commit = commit
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._confidence: list[float] = []
        self._words: list[Word] = []
        self._retold = Retold()

    async def process(self, item: Transcription) -> None:
        """Take words, partial or final."""
        received = TranscriptReceived(
            item.message,
            item.is_final,
            item.confidence,
            item.words,
            self.provider,
            turn=self._next_turn,
        )
        self.record(received)
        if reason := self._retold.why(item):
            self.record(TranscriptIgnored(item.message, reason, turn=self._next_turn))
            return
        if item.is_final and item.message.strip():
            self._confidence.append(item.confidence)
            self._words.extend(item.words)
        self._active()
        decision = self.turns.heard(
            item.message,
            clock.now(),
            self.floor.bot(),
            final=item.is_final,
            ends_turn=item.ends_turn,
            confidence=item.confidence,
            playing=self.floor.words_around(),
        )
        self._act(decision, item.message)
        item.is_interrupt = self.interrupts
        self._look_ahead()

    def listen(
        self, detector: VoiceActivityDetector, edges: Sequence[SpeechStarted | SpeechStopped]
    ) -> None:
        """Take what the voice activity detector noticed in the newest audio, if anything."""
        for edge in edges:
            ago = (edge.noticed_at_sample - edge.at_sample) / SAMPLE_RATE
            self._active()
            if isinstance(edge, SpeechStarted):
                self.record(UserStartedSpeaking("vad", edge.at_sample, turn=self._next_turn))
                bot = self.floor.bot()
                level = detector.level_db if bot is not Bot.IDLE else 0.0
                self._act(self.turns.speech_started(clock.now(), bot, level))
            else:
                self.record(UserStoppedSpeaking("vad", edge.at_sample, turn=self._next_turn))
                self._act(self.turns.speech_stopped(clock.now() - ago, self.floor.bot()))
        if detector.speaking:
            bot = self.floor.bot()
            if bot is Bot.HELD:
                self._act(self.turns.voiced(detector.voiced_samples / SAMPLE_RATE, bot))
        if edges:
            self._look_ahead()

    def interrupted(self) -> None:
        """The bot was stopped, by whomever; what the user says next has cut in."""
        self.turns.interrupted()
        self.interrupts = True

    def terminate(self) -> Any:
        """Stop listening; no timer stays behind."""
        self._disarm()
        return super().terminate()

    @property
    def _next_turn(self) -> int:
        return self.floor.turn + 1

    def _active(self) -> None:
        if self.on_activity is not None:
            self.on_activity()

    def _look_ahead(self) -> None:
        """Let silence decide: at once when its time has come, else by a timer."""
        due = self.turns.due
        if due is None:
            self._disarm()
        elif due <= clock.now():
            self._elapsed(due)
        elif self._timer is None or due != self._timer_at:
            self._disarm()
            self._timer = asyncio.get_running_loop().call_at(due, self._elapsed, due)
            self._timer_at = due

    def _elapsed(self, due: float) -> None:
        self._disarm()
        at = max(clock.now(), due)  # a timer may fire a trifle early
        self._act(self.turns.elapsed(at, self.floor.bot()))
        self._look_ahead()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _act(self, decision: Decision, text: str = "") -> None:
        match decision.act:
            case Act.WAIT:
                return
            case Act.HOLD:
                self.floor.hold(decision.reason)
            case Act.RESUME:
                self._forget(text, decision.reason)
                self.floor.resume(decision.reason)
            case Act.INTERRUPT:
                self.floor.interrupt(decision.reason)
            case Act.IGNORE:
                self._forget(text, decision.reason)
            case Act.REPLY:
                self._reply(decision)

    def _forget(self, text: str, reason: str) -> None:
        self._confidence.clear()
        self._words.clear()
        if text:
            self.record(TranscriptIgnored(text, reason, turn=self._next_turn))

    def _reply(self, decision: Decision) -> None:
        confidence = min(self._confidence, default=1.0)
        said = Transcription(
            decision.text, confidence, True, self.interrupts, words=tuple(self._words)
        )
        self.interrupts = False
        self._confidence.clear()
        self._words.clear()
        self._retold.committed()
        event = self._commit(said, decision.reason)
        try:
            self.output_queue.put_nowait(event)
        except asyncio.QueueFull:
            event.done()
            self.record(TurnWithdrawn(decision.text, "agent too busy", turn=event.turn))
