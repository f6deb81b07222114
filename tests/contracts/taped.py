"""A call through SDKs in, a cassette of it out, and the same call with what the cassette holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import clock
from bench.emulators.known import Role
from bench.emulators.stand_ins import serving
from bench.engine.conversation import StreamingConversation
from bench.engine.transcriber import BaseTranscriber
from bench.events import CutOff, FellBack, ProviderFailed, Word
from bench.providers.cassette import Cassette
from bench.providers.handler import VoiceHandler
from bench.providers.recording import record
from bench.simulation import tone
from bench.simulation.context import Reply, Simulation
from bench.simulation.draws import Draws
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from tests.contracts.ends import nothing_left
from tests.engine.scene import Listener, is_loud

TRIO: tuple[tuple[Role, str], ...] = (
    ("transcriber", "deepgram"),
    ("llm", "openai"),
    ("voice", "elevenlabs"),
)
BACKUPS: tuple[tuple[Role, str], ...] = (
    ("transcriber", "assemblyai"),
    ("llm", "anthropic"),
    ("voice", "polly"),
)
FALLBACK = {f"{role}Fallback": name for role, name in BACKUPS}
FRAME_SAMPLES = 320
HOURS = "We are open from nine to five, and on Sundays from ten until noon, except in August."
REPLIES = (Reply("open", HOURS), Reply("*", "It is done. See you then."))
LINES = ((1.0, "When are you open?"), (6.0, "Please book a table for two."))
SECONDS = 14.0
CHANGE_FRAME, ANOTHER = 225, "another-voice"


class Call(NamedTuple):
    """What a call left behind, as far as the tests ask."""

    lines: list[str]
    cut_off: list[str]
    failed: list[str]
    took_over: list[str]
    why: list[str]


def original(
    folder: Path,
    *faults: Fault,
    replies: tuple[Reply, ...] = REPLIES,
    backed: bool = False,
    change: bool = False,
    transport: str = "http",
    **settings: Any,
) -> Call:
    """A call through SDKs, kept in `folder`; with backups, and with another voice from the middle
    on, if wanted."""

    async def main() -> Call:
        simulation = Simulation(Draws(7), TruthFeed(), replies, faults=faults)
        sound = microphone(simulation.feed)
        async with (
            nothing_left(warm=False),
            serving(simulation, TRIO) as first,
            serving(dataclasses.replace(simulation, faults=()), BACKUPS) as second,
        ):
            keys, addresses = second.keys | first.keys, second.addresses | first.addresses
            wanted = {
                **addresses,
                **(FALLBACK if backed else {}),
                "elevenlabs_transport": transport,
            }
            desk = Desk(VoiceHandler(keys), wanted, change)
            call = desk.call(**settings)
            cassette = Cassette(secrets=tuple(keys.values()))
            record(cassette, call)
            simulation.feed.begins = lambda: call.transcriber.intake.begins
            simulation.turn = lambda: call.turn
            told = await desk.talk(call, sound)
            cassette.write(folder)
            return told

    return clock.run(main(), virtual=True)


def again(
    folder: Path,
    lines: tuple[tuple[float, str], ...] = LINES,
    *,
    backed: bool = False,
    change: bool = False,
    ears: BaseTranscriber | None = None,
    **settings: Any,
) -> Call:
    """The same call with what the cassette holds; `ears` are a backup that is not on it."""
    roles = ("stt", "llm", "tts", *(FALLBACK if backed else ()))

    async def main() -> Call:
        desk = Desk(VoiceHandler({}), dict.fromkeys(roles, f"recorded:{folder}"), change)
        async with nothing_left():
            call = desk.call(**settings)
            if ears is not None:
                call.transcriber.backup = ears
            return await desk.talk(call, microphone(TruthFeed(), lines))

    return clock.run(main(), virtual=True)


@dataclasses.dataclass(frozen=True)
class Desk:
    """Makes a call of whom a config names, and plays the caller."""

    handler: VoiceHandler
    config: Mapping[str, Any]
    change: bool

    def call(self, **settings: Any) -> StreamingConversation:
        return StreamingConversation(
            output_device=Listener(),
            transcriber=self.handler.create_transcriber(self.config),
            agent=self.handler.create_agent(self.config),
            synthesizer=self.handler.create_synthesizer(self.config),
            vad=is_loud,
            conversation_id="call",
            **{"greeting": "Good evening.", **settings},
        )

    async def talk(self, call: StreamingConversation, sound: bytes) -> Call:
        await call.start()
        began = clock.now()
        for number, start in enumerate(range(0, len(sound), 2 * FRAME_SAMPLES), 1):
            await clock.sleep_until(began + number * 0.02)
            call.receive_audio(sound[start : start + 2 * FRAME_SAMPLES])
            if self.change and number == CHANGE_FRAME:
                another = self.handler.create_synthesizer({**self.config, "voice": ANOTHER})
                call.change(synthesizer=another)
        await call.terminate()
        trace = call.trace
        return Call(
            list(trace.lines()),
            [fact.heard for fact in trace.of(CutOff)],
            [f"{fact.provider} {fact.kind}" for fact in trace.of(ProviderFailed)],
            [fact.to for fact in trace.of(FellBack)],
            [fact.message for fact in trace.of(ProviderFailed)],
        )


def microphone(feed: TruthFeed, lines: tuple[tuple[float, str], ...] = LINES) -> bytes:
    """What a caller says, one line after the other; `feed` is told of it."""
    sound = bytearray(round(SECONDS * 16_000) * 2)
    for number, (at, line) in enumerate(lines):
        pcm, words = tone.speak(line)
        start = round(at * 16_000)
        sound[2 * start : 2 * start + len(pcm)] = pcm
        placed = [Word(word, start + begin, start + end) for word, begin, end in words]
        feed.say(f"line {number}", placed)
    return bytes(sound)
