"""One conversation and whoever is connected to it: kept through a lost socket, ended by limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bench import events
from bench.app import messages
from bench.app.failures import role_of
from bench.app.limits import Limits
from bench.app.messages import Down
from bench.app.outbox import Outbox
from bench.app.output import WebsocketOutputDevice
from bench.app.patience import Patience
from bench.app.recording import Recording
from bench.app.telling import Teller
from bench.app.turns_table import turns_csv
from bench.engine.conversation import StreamingConversation
from bench.engine.output import OutputDevice
from bench.engine.turns import Bot
from bench.engine.worker import Ending, spawn
from bench.metrics.turns import figures
from bench.trace import Entry, Trace

REPLACED = 4409
GOODBYE = 1000
END_SECONDS = 5.0
PREBUFFER_SECONDS = 0.05  # what a client collects before it plays on
ACTIVITY = (
    events.UserStartedSpeaking,
    events.TranscriptReceived,
    events.TurnCommitted,
    events.PlaybackStarted,
    events.PlaybackFinished,
    events.CutOff,
    events.Held,
)


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a conversation is to be made of.

    `settings` is all that the client asked for: providers, voices, settings of the engine, as JSON
    has them and not yet checked. `device` is where the conversation speaks.
    """

    id: str
    device: OutputDevice
    settings: Mapping[str, Any]


Assemble = Callable[[SessionRequest], StreamingConversation | Awaitable[StreamingConversation]]
Changes = Callable[[SessionRequest], Mapping[str, Any]]


class Far(Protocol):
    """The far end of a session: one socket."""

    outbox: Outbox

    def tell(self, message: Down) -> None:
        """Send a message."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the socket, with what it was told before."""
        ...


class Session:
    """A conversation, its name and its client, who may come and go.

    `on_over` is called once, when the conversation has ended. The newest socket wins; without one
    the conversation is held for `limits.reconnect_seconds`.
    """

    def __init__(
        self,
        id: str,
        token: str,
        device: WebsocketOutputDevice,
        conversation: StreamingConversation,
        limits: Limits,
        *,
        settings: Mapping[str, Any] | None = None,
        changes: Changes | None = None,
        on_over: Callable[[Session], None] | None = None,
        record: bool = True,
    ) -> None:
        self.id = id
        self.token = token
        self.device = device
        self.conversation = conversation
        self.muted = False
        self.started = False
        self.over = False  # nothing more happens; trace and recording can still be read
        self.settings = dict(settings or {})  # all that was asked for, as it was asked
        self.recording = Recording(device.sampling_rate, limits.session_seconds) if record else None
        self._changes = changes
        self._on_over = on_over
        self._far: Far | None = None
        self._teller = Teller(
            lambda turn: figures(conversation.trace, turn),
            lambda provider: role_of(provider, conversation),
        )
        self._patience = Patience(limits, lambda reason, told: self.end(reason, told=told))
        self._ran_dry = (0, 0)  # utterance and sample, last time
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._stop_listening = conversation.trace.listen(self._happened)
        if self.recording is not None:
            device.on_sent = self.recording.sent

    # What the page and the socket do

    @property
    def trace(self) -> Trace:
        """Everything that happened so far."""
        return self.conversation.trace

    @property
    def connected(self) -> bool:
        """Whether a client is there."""
        return self._far is not None

    async def start(self) -> None:
        """Begin the conversation, also when who waits for that goes away; its limits count from
        here."""
        self.started = True
        self._patience.begin()
        self._tasks["begin"] = spawn(self._begin(), name=f"session {self.id} begins")
        await asyncio.shield(self._tasks["begin"])

    def change(self, **settings: Any) -> None:
        """Change settings from the next turn on; a voice is a setting too.

        Raises:
            ConfigError: an unknown setting or an impossible value; nothing is changed then.
        """
        asked = self.settings | settings
        request = SessionRequest(self.id, self.device, asked)
        self.conversation.change(**(self._changes(request) if self._changes else settings))
        self.settings = asked

    def turns_csv(self) -> str:
        """One row a turn with its stage figures, a line of names first."""
        return turns_csv(self.trace)

    def trace_jsonl(self) -> str:
        """The trace, one JSON object a line."""
        return "".join(f"{line}\n" for line in self.trace.lines())

    def receive_audio(self, pcm: bytes) -> None:
        """Take audio of the client's microphone, in pieces of any size."""
        if self.muted:
            pcm = bytes(len(pcm))
        if self.recording is not None:
            self.recording.heard(pcm)
        self.conversation.receive_audio(pcm)

    def played(self, wire_id: int, samples: int, output_latency_seconds: float) -> None:
        """The client's position in an utterance."""
        self.device.played(wire_id, samples, output_latency_seconds)
        if self.recording is not None:
            self.recording.played()

    def underrun(self, wire_id: int, at_sample: int) -> None:
        """The client's buffer ran dry inside an utterance; not again before it was filled anew."""
        found = self.device.locate(wire_id, at_sample)
        if found is None:
            return
        utterance, at_sample = found
        if utterance.closed.is_set() or at_sample > utterance.sent:
            return
        last_id, last_sample = self._ran_dry
        if utterance.id == last_id and at_sample < last_sample + PREBUFFER_SECONDS * utterance.rate:
            return
        self._ran_dry = utterance.id, at_sample
        turn = self.conversation.turn
        self.trace.record(events.Underrun(utterance.id, at_sample, False, turn=turn))

    def attach(self, far: Far) -> None:
        """A client is here; an older one is told to go."""
        old, self._far = self._far, far
        back = old is not None or self._patience.alone
        if old is not None:
            old.close(REPLACED, "replaced by a newer socket")
            self._hold()
        self._patience.found_again()
        far.tell(messages.Ready(self.id, self.token, self.device.sampling_rate))
        self.device.attach(far.outbox)
        if back:
            far.tell(messages.State(self._teller.state))
            self._cancel("recovery")
            self._tasks["recovery"] = spawn(self._recover(), name="session goes on")

    def detach(self, far: Far) -> None:
        """A client has gone; one that was replaced leaves no trace."""
        if self._far is not far:
            return
        self._far = None
        self._cancel("recovery")
        self.device.detach()
        if self.over or "end" in self._tasks:
            return
        self._patience.left_alone()
        self._hold()

    def end(self, reason: str, *, told: Down | None = None) -> None:
        """End the conversation; `told` is the client's last message before the goodbye."""
        if told is not None and self._far is not None:
            self._far.tell(told)
        if "end" not in self._tasks:
            ending = self.conversation.terminate(0.0, reason=reason)
            self._tasks["end"] = spawn(ending, name=f"session {self.id} ends")

    def forget(self) -> None:
        """Let go of what was kept for export."""
        if self.recording is not None:
            self.recording.close()

    async def ended(self) -> None:
        """Wait until the conversation is over, within a bound."""
        await Ending(self._tasks.values(), seconds=END_SECONDS)

    # Inside

    async def _begin(self) -> None:
        await self.conversation.start()
        self._tasks["life"] = spawn(self._live(), name=f"session {self.id}")

    async def _live(self) -> None:
        await self.conversation.ended.wait()
        self.over = True
        self._patience.stop()
        self._cancel("recovery")
        self._stop_listening()
        if self._far is not None:
            self._far.close(GOODBYE, self.conversation.end_reason)
        if self._on_over is not None:
            self._on_over(self)

    async def _recover(self) -> None:
        await self.device.recover()
        if self.conversation.bot() is Bot.HELD:
            self.conversation.resume("client came back")

    def _happened(self, entry: Entry) -> None:
        if isinstance(entry.fact, ACTIVITY):
            self._patience.active()
            if self.recording is not None:
                self.recording.played()
        for message in self._teller.tell(entry.fact):
            if self._far is not None:
                self._far.tell(message)
        if self._patience.alone and not isinstance(entry.fact, events.Held):
            # What was decided while nobody listens must not start the voice again.
            asyncio.get_running_loop().call_soon(self._stay_held)

    def _stay_held(self) -> None:
        if self._patience.alone and not self.conversation.ended.is_set():
            self._hold()

    def _hold(self) -> None:
        if self.conversation.bot() is not Bot.HELD:
            self.conversation.hold("client gone")

    def _cancel(self, task: str) -> None:
        if task in self._tasks:
            self._tasks.pop(task).cancel()
