"""One face for all that is measured: what the figures ask of a conversation."""

from __future__ import annotations

from typing import Protocol

from bench.engine.conversation import StreamingConversation
from bench.engine.output import OutputDevice
from bench.engine.vad import Probability
from bench.events import Underrun
from tests.bench.workload import (
    NONE,
    CountingTranscriber,
    Delays,
    ScriptedAgent,
    ScriptedSynthesizer,
    Sink,
)


class Talker(Protocol):
    """A conversation that can be measured."""

    sink: Sink

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End at once."""
        ...

    def receive_audio(self, frame: bytes) -> None:
        """A microphone frame."""
        ...

    def hear(self, text: str) -> None:
        """A final transcript, from the speech-to-text provider."""
        ...

    def interrupt(self) -> None:
        """Stop the answer."""
        ...

    def history(self) -> str:
        """The bot's last message as the history has it."""
        ...

    @property
    def frames(self) -> int:
        """Microphone frames that reached the speech-to-text provider."""
        ...

    @property
    def underruns(self) -> int:
        """How often the loudspeaker ran dry inside an answer."""
        ...


class EngineTalker:
    """The engine, with scripted providers; settings as they come but for the idle prompts."""

    def __init__(
        self,
        delays: Delays = NONE,
        *,
        vad: Probability | None = None,
        word_times: bool = True,
        device: OutputDevice | None = None,
    ) -> None:
        self.sink = Sink(pace=delays.pace)
        self.transcriber = CountingTranscriber()
        self.synthesizer = ScriptedSynthesizer(delays, word_times=word_times)
        self.conversation = StreamingConversation(
            output_device=device or self.sink,
            transcriber=self.transcriber,
            agent=ScriptedAgent(delays),
            synthesizer=self.synthesizer,
            vad=vad,
            idle_seconds=None,
        )
        self.receive_audio = self.conversation.receive_audio
        self.hear = self.transcriber.hear

    async def start(self) -> None:
        """Begin."""
        await self.conversation.start()

    async def stop(self) -> None:
        """End at once, nothing played out."""
        await self.conversation.terminate(0)

    def interrupt(self) -> None:
        """Stop the answer."""
        self.conversation.broadcast_interrupt()

    def history(self) -> str:
        """The bot's last message; empty when nothing of it was heard."""
        logs = self.conversation.transcript.event_logs
        return logs[-1].text if logs and logs[-1].sender == "bot" else ""

    @property
    def frames(self) -> int:
        """Frames that reached the transcriber's `process`."""
        return self.transcriber.frames

    @property
    def underruns(self) -> int:
        """Facts in the trace."""
        return len(self.conversation.trace.of(Underrun))
