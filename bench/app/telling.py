"""Facts in, messages for the client out: the socket's reading of the trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench import events
from bench.app import messages
from bench.app.failures import failure
from bench.app.messages import Down
from bench.audio import SAMPLE_RATE
from bench.events import Fact
from bench.providers.known import Role

Figures = Callable[[int], dict[str, float | str | bool | None]]  # of a turn


class Teller:
    """Turns each fact into what the client is told; keeps what the conversation is doing.

    `figures` gives the stage figures of a turn that is over, `role` whose part a provider plays.
    """

    def __init__(
        self,
        figures: Figures | None = None,
        role: Callable[[str], Role | None] = lambda _: None,
    ) -> None:
        self.state = "idle"
        self._figures = figures
        self._role = role
        self._failed: events.ProviderFailed | None = None  # the newest, until more is known of it
        self._deaf = False  # nobody listens any more
        self._awaited: int | None = None  # the turn whose answer has not begun to sound
        self._playing = False
        self._held = False
        self._user_speaks = False
        self._ended = False

    def tell(self, fact: Fact) -> Iterator[Down]:
        """What the client hears of a fact, in order."""
        yield from self._words(fact)
        yield from self._troubles(fact)
        if not self._is_of_the_ears(fact):
            self._follow(fact)
        if (state := self._state()) != self.state:
            self.state = state
            yield messages.State(state)
        if self._figures is not None and _ends_a_turn(fact):
            yield messages.Metrics(fact.turn, self._figures(fact.turn))

    def _words(self, fact: Fact) -> Iterator[Down]:
        match fact:
            case events.TranscriptReceived(text=text, final=final) if text:
                self._deaf = False
                yield messages.Said("user", text, final)
            case events.SentenceReady(text=text):
                yield messages.Said("agent", text, True)
            case events.CutOff(heard=heard, intended=intended, estimated=estimated):
                yield messages.Interrupted(heard, intended, estimated)
            case _:
                return

    def _troubles(self, fact: Fact) -> Iterator[Down]:
        match fact:
            case events.ProviderFailed():
                self._failed = fact
                yield self._failure(fact, "provider_failed")
            case events.FellBack():
                yield from self._more(fact, "took_over")
            case events.Retried():
                yield from self._more(fact, "tried_again")
            case events.WorkerFailed(provider=worker, kind=kind):
                yield messages.Error("internal", f"{worker} failed: {kind}")
            case events.AudioDropped(samples=samples):
                told = f"{samples / SAMPLE_RATE:.1f} s of what you said are lost: nobody took them."
                yield messages.Error("audio_dropped", told)
            case _:
                return

    def _more(self, fact: Fact, code: str) -> Iterator[Down]:
        """What was done about the newest failure."""
        failed, self._failed = self._failed, None
        if failed is not None and failure(failed, fact, self._role(failed.provider)).handled:
            yield self._failure(failed, code, fact)

    def _failure(
        self, failed: events.ProviderFailed, code: str, after: Fact | None = None
    ) -> messages.Error:
        told = failure(failed, after, self._role(failed.provider))
        if told.role == "transcriber":
            self._deaf = told.is_deafness
        return messages.Error(code, str(told))

    def _is_of_the_ears(self, fact: Fact) -> bool:
        """Whether it tells of who listens failing: whoever answers goes on."""
        if not isinstance(fact, events.ProviderFailed | events.FellBack):
            return False
        return self._role(fact.provider) == "transcriber"

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
        if self._deaf:
            return "deaf"
        return "hearing" if self._user_speaks else "listening"


def _ends_a_turn(fact: Fact) -> bool:
    """Whether nothing more is to come of the fact's turn."""
    return isinstance(fact, events.PlaybackFinished | events.CutOff | events.TurnWithdrawn)
