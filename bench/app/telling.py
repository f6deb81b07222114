"""Facts in, messages for the client out: the socket's reading of the trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench import events
from bench.app import messages
from bench.app.messages import Down
from bench.events import Fact

Figures = Callable[[int], dict[str, float | str | bool | None]]  # of a turn


class Teller:
    """Turns each fact into what the client is told; keeps what the conversation is doing.

    `figures` gives the stage figures of a turn that is over.
    """

    def __init__(self, figures: Figures | None = None) -> None:
        self.state = "idle"
        self._figures = figures
        self._awaited: int | None = None  # the turn whose answer has not begun to sound
        self._playing = False
        self._held = False
        self._user_speaks = False
        self._ended = False

    def tell(self, fact: Fact) -> Iterator[Down]:
        """What the client hears of a fact, in order."""
        yield from self._words(fact)
        self._follow(fact)
        if (state := self._state()) != self.state:
            self.state = state
            yield messages.State(state)
        if self._figures is not None and _ends_a_turn(fact):
            yield messages.Metrics(fact.turn, self._figures(fact.turn))

    def _words(self, fact: Fact) -> Iterator[Down]:
        match fact:
            case events.TranscriptReceived(text=text, final=final) if text:
                yield messages.Said("user", text, final)
            case events.SentenceReady(text=text):
                yield messages.Said("agent", text, True)
            case events.CutOff(heard=heard, intended=intended, estimated=estimated):
                yield messages.Interrupted(heard, intended, estimated)
            case events.ProviderFailed(provider=provider, kind=kind, message=message):
                told = f"{provider}: {kind}" + (f": {message}" if message else "")
                yield messages.Error("provider_failed", told)
            case events.WorkerFailed(provider=worker, kind=kind):
                yield messages.Error("internal", f"{worker} failed: {kind}")
            case events.AudioDropped(samples=samples):
                told = f"{samples} samples of the microphone were dropped: they come too fast"
                yield messages.Error("audio_dropped", told)
            case _:
                return

    def _follow(self, fact: Fact) -> None:
        match fact:
            case events.UserStartedSpeaking(source="vad"):
                self._user_speaks = True
            case events.UserStoppedSpeaking(source="vad"):
                self._user_speaks = False
            case events.TurnCommitted():
                self._awaited, self._user_speaks = fact.turn, False
            case events.FellBack() if fact.turn and not self._playing:
                self._awaited = fact.turn  # somebody else is asked
            case events.Held():
                self._held = True
            case events.Resumed():
                self._held = False
            case _:
                self._follow_voice(fact)

    def _follow_voice(self, fact: Fact) -> None:
        match fact:
            case events.PlaybackStarted():
                self._playing = True
                self._answered(fact.turn)
            case events.PlaybackFinished():
                self._playing = False
            case events.InterruptDecided():
                self._playing = self._held = False
                self._awaited = None
            case events.CutOff():
                self._playing = False
                self._answered(fact.turn)
            case events.TurnWithdrawn() | events.ProviderFailed() | events.WorkerFailed():
                self._answered(fact.turn)
            case events.AgentFinished(tokens=0):
                self._answered(fact.turn)
            case events.ConversationEnded():
                self._ended = True
            case _:
                return

    def _answered(self, turn: int) -> None:
        if self._awaited is not None and turn >= self._awaited:
            self._awaited = None

    def _state(self) -> str:
        if self._ended:
            return "idle"
        if self._held:
            return "held"
        if self._playing:
            return "speaking"
        if self._awaited is not None:
            return "thinking"
        return "hearing" if self._user_speaks else "listening"


def _ends_a_turn(fact: Fact) -> bool:
    """Whether nothing more is to come of the fact's turn."""
    return isinstance(fact, events.PlaybackFinished | events.CutOff | events.TurnWithdrawn)
