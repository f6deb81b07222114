"""A stack of simulated providers and a caller in, a call that has happened out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench import clock
from bench.engine.conversation import StreamingConversation
from bench.engine.transcript import Sender
from bench.events import Word
from bench.providers.handler import VoiceHandler
from bench.simulation.context import Reply, Simulation
from bench.simulation.draws import Draws
from bench.simulation.faults import Fault
from bench.simulation.loudspeaker import Loudspeaker

FRAME = 320  # samples: 20 ms
STACK = {
    "stt": "sim:deepgram-nova-3",
    "llm": "sim:gpt-4.1",
    "tts": "sim:elevenlabs-flash-v2.5",
}
HOURS = "We are open from nine to five on weekdays. On Saturdays we are open from ten to two."
REPLIES = (Reply("opening hours", HOURS), Reply("*", "All right."))
ASKS = (0.5, "hello", "What are your opening hours?")
CUTS_IN = (6.0, "cut", "Sorry, only Sunday please.")


def spoken(text: str, at_sample: int, word_samples: int = 4800) -> list[Word]:
    """Words one after the other, a gap of 50 ms after each."""
    starts = range(at_sample, at_sample + word_samples * len(text.split()), word_samples)
    return [
        Word(word, start, start + word_samples - 800)
        for word, start in zip(text.split(), starts, strict=True)
    ]


class Call:
    """A conversation with simulated providers, with its loudspeaker."""

    def __init__(
        self,
        *,
        seed: int = 7,
        faults: Sequence[Fault] = (),
        replies: Sequence[Reply] = REPLIES,
        overrides: dict[str, dict[str, Any]] | None = None,
        stack: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.simulation = Simulation(
            Draws(seed), replies=tuple(replies), faults=tuple(faults), overrides=overrides or {}
        )
        handler = VoiceHandler({})
        chosen = {**STACK, **(stack or {}), **(config or {}), "simulation": self.simulation}
        self.speaker = Loudspeaker(prebuffer_seconds=0.05)
        self.conversation = StreamingConversation(
            output_device=self.speaker,
            transcriber=handler.create_transcriber(chosen),
            agent=handler.create_agent(chosen),
            synthesizer=handler.create_synthesizer(chosen),
            **{"idle_seconds": None, **settings},
        )
        self.simulation.turn = lambda: self.conversation.turn
        self.trace = self.conversation.trace

    @property
    def history(self) -> list[tuple[str, str]]:
        """(who, text, cut off marked by a dash) of every message."""
        return [
            ("user" if m.sender is Sender.HUMAN else "bot", m.text + " –" * m.interrupted)
            for m in self.conversation.transcript.event_logs
        ]

    async def play(self, script: Sequence[tuple[float, str, str]], seconds: float) -> None:
        """Let the caller say each text at its second."""
        await self.conversation.start()
        began_at, waiting = clock.now(), list(script)
        for frame in range(round(seconds * 50)):
            while waiting and waiting[0][0] <= frame * 0.02:
                _, step, text = waiting.pop(0)
                self.simulation.feed.say(step, spoken(text, frame * FRAME))
            await clock.sleep_until(began_at + (frame + 1) * 0.02)
            self.conversation.receive_audio(bytes(2 * FRAME))
        await self.conversation.terminate(0)


def call(*script: tuple[float, str, str], seconds: float = 15.0, **parts: Any) -> Call:
    """A call in virtual time."""

    async def main() -> Call:
        made = Call(**parts)
        await made.play(script or (ASKS,), seconds)
        return made

    return clock.run(main(), virtual=True)
