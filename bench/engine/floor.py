"""Who may speak: the one place where the bot is held, resumed and interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.engine.settings import ConversationSettings
from bench.engine.speaking import SynthesisResultsWorker
from bench.engine.turns import Bot
from bench.engine.worker import InterruptibleEvent, LiveEvents
from bench.events import Fact, Held, InterruptDecided, Resumed, TurnWithdrawn


class Floor:
    """Knows every piece of work in flight (`live`) and what the loudspeaker does."""

    def __init__(
        self,
        speaking: SynthesisResultsWorker,
        settings: ConversationSettings,
        record: Callable[[Fact], None],
    ) -> None:
        self.live: LiveEvents = {}
        self.settings = settings
        self.turn = 0
        self._said: dict[int, str] = {}  # the user's words, by turn that has no answer yet
        self.mic_samples = 0  # received so far
        self.on_interrupted: Callable[[], None] | None = None
        self._speaking = speaking
        self._record = record

    def bot(self) -> Bot:
        """What the bot is doing; speech that may not be interrupted counts as idle."""
        speaking = self._speaking
        if speaking.held:
            return Bot.HELD
        playing = speaking.event
        if playing is not None and not playing.interrupted:
            return Bot.SPEAKING if playing.is_interruptible else Bot.IDLE
        return Bot.THINKING if self._interruptible() else Bot.IDLE

    def words_around(self) -> list[str]:
        """The bot's words around the loudspeaker's position, for telling its echo."""
        return self._speaking.words_around()

    def take_turn(self, text: str) -> int:
        """The user has had another turn; returns its number."""
        self.turn += 1
        answered = self._speaking.spoke_turn
        self._said = {turn: said for turn, said in self._said.items() if turn > answered}
        self._said[self.turn] = text
        return self.turn

    def hold(self, reason: str) -> None:
        """Pause the bot while it is decided whether the user wants to speak."""
        at_sample = self._speaking.hold()
        self._record(Held(reason, self.settings.barge_in, at_sample, turn=self.turn))

    def resume(self, reason: str) -> None:
        """Let the bot go on from the same sample."""
        at_sample = self._speaking.resume()
        self._record(Resumed(reason, self.settings.barge_in, at_sample, turn=self.turn))

    def interrupt(self, reason: str) -> bool:
        """Call off everything in flight, at once; False when nothing could be interrupted."""
        if not self._interruptible():
            if self._speaking.held:
                self.resume("nothing to interrupt")
            return False
        policy = self.settings.barge_in
        self._record(InterruptDecided(reason, policy, self.mic_samples, turn=self.turn))
        called_off = [event for event in tuple(self.live) if event.interrupt()]
        playing = self._speaking.event
        if playing is None or playing in called_off:
            self._speaking.cut()
            self._speaking.release()
        elif self._speaking.held:
            self.resume("not interruptible")
        self._withdraw(called_off)
        if self.on_interrupted is not None:
            self.on_interrupted()
        return True

    def _interruptible(self) -> bool:
        return any(event.is_interruptible and not event.interrupted for event in self.live)

    def _withdraw(self, called_off: list[InterruptibleEvent[Any]]) -> None:
        """Say which turns get no answer: nothing was said to them yet."""
        turns = {event.turn for event in called_off if event.turn > self._speaking.spoke_turn}
        for turn in sorted(turns & self._said.keys()):
            text = self._said.pop(turn)
            self._record(TurnWithdrawn(text, "interrupted", turn=turn))
