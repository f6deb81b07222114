"""Cassettes: a session of real SDKs is recorded, and its providers do it again, to the byte."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench import clock
from bench.emulators import deepgram, elevenlabs, openai
from bench.emulators.stand_ins import Served, serving
from bench.engine.conversation import StreamingConversation
from bench.errors import ConfigError
from bench.events import CutOff, ProviderFailed, Word
from bench.providers.cassette import EVENTS, Answered, Cassette, Heard, Spoke
from bench.providers.handler import VoiceHandler
from bench.providers.recorded import RecordedAgent, RecordedSynthesizer, RecordedTranscriber
from bench.providers.recording import record
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.context import Reply, Simulation
from bench.simulation.draws import Draws
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from tests.contracts.ends import nothing_left
from tests.engine.scene import Listener, is_loud

pytestmark = pytest.mark.contract

TRIO = (("transcriber", "deepgram"), ("llm", "openai"), ("voice", "elevenlabs"))
FRAME_SAMPLES = 320
HOURS = "We are open from nine to five, and on Sundays from ten until noon, except in August."
REPLIES = (Reply("open", HOURS), Reply("*", "It is done. See you then."))
TELLTALE = (Reply("*", f"The key is {openai.KEY}."),)
LINES = ((1.0, "When are you open?"), (6.0, "Please book a table for two."))
SECONDS = 14.0


class Call(NamedTuple):
    lines: list[str]
    cut_off: list[str]
    failed: list[str]


def microphone(feed: TruthFeed, lines: tuple[tuple[float, str], ...] = LINES) -> bytes:
    sound = bytearray(round(SECONDS * 16_000) * 2)
    for number, (at, line) in enumerate(lines):
        pcm, words = tone.speak(line)
        start = round(at * 16_000)
        sound[2 * start : 2 * start + len(pcm)] = pcm
        placed = [Word(word, start + begin, start + end) for word, begin, end in words]
        feed.say(f"line {number}", placed)
    return bytes(sound)


async def talk(call: StreamingConversation, sound: bytes) -> Call:
    await call.start()
    began = clock.now()
    for number, start in enumerate(range(0, len(sound), 2 * FRAME_SAMPLES), 1):
        await clock.sleep_until(began + number * 0.02)
        call.receive_audio(sound[start : start + 2 * FRAME_SAMPLES])
    await call.terminate()
    trace = call.trace
    failed = [f"{fact.provider} {fact.kind}" for fact in trace.of(ProviderFailed)]
    return Call(list(trace.lines()), [fact.heard for fact in trace.of(CutOff)], failed)


async def original(
    folder: Path,
    faults: tuple[Fault, ...] = (),
    replies: tuple[Reply, ...] = REPLIES,
    transport: str = "http",
    **settings: Any,
) -> Call:
    """A call through three SDKs, kept in `folder`."""
    simulation = Simulation(Draws(7), TruthFeed(), replies, faults=faults)
    sound = microphone(simulation.feed)
    async with nothing_left(warm=False), serving(simulation, TRIO) as served:
        parts = made(served, elevenlabs_transport=transport)
        cassette = Cassette()
        record(cassette, *parts)
        simulation.feed.begins = lambda: parts[0].intake.begins
        call = conversation(*parts, **settings)
        simulation.turn = lambda: call.turn
        told = await talk(call, sound)
        cassette.write(folder, tuple(served.keys.values()))
        return told


def made(served: Served, **config: Any):
    handler, config = VoiceHandler(served.keys), {**served.addresses, **config}
    return (
        handler.create_transcriber(config),
        handler.create_agent(config),
        handler.create_synthesizer(config),
    )


def conversation(transcriber, agent, synthesizer, **settings: Any) -> StreamingConversation:
    return StreamingConversation(
        output_device=Listener(),
        transcriber=transcriber,
        agent=agent,
        synthesizer=synthesizer,
        vad=is_loud,
        conversation_id="call",
        greeting="Good evening.",
        **settings,
    )


async def again(
    folder: Path, lines: tuple[tuple[float, str], ...] = LINES, **settings: Any
) -> Call:
    """The same call with what the cassette holds."""
    name = f"recorded:{folder}"
    parts = (
        RecordedTranscriber({"stt": name}),
        RecordedAgent({"llm": name}),
        RecordedSynthesizer({"tts": name}),
    )
    async with nothing_left():
        return await talk(conversation(*parts, **settings), microphone(TruthFeed(), lines))


FAULTS = (
    Fault("stt", "disconnect", after_partial=2),
    Fault("llm", "http_429", turn=1, retry_after_seconds=3.0),
    Fault("tts", "disconnect", turn=2, after_audio_seconds=0.5),
)


@pytest.mark.parametrize(
    "faults", [(), *[(fault,) for fault in FAULTS]], ids=["well", "stt", "llm", "tts"]
)
def test_what_was_recorded_comes_again_to_the_byte(tmp_path: Path, faults: tuple[Fault, ...]):
    then = clock.run(original(tmp_path / "call", faults), virtual=True)
    now = clock.run(again(tmp_path / "call"), virtual=True)
    assert len(then.failed) == len(faults)
    assert then.cut_off or faults
    assert now.lines == then.lines


def test_a_voice_that_takes_text_while_it_is_written_is_recorded_by_the_sentence(tmp_path: Path):
    mode = {"response_mode": "tokens"}
    then = clock.run(original(tmp_path, transport="socket", **mode), virtual=True)
    assert len(Cassette.read(tmp_path).of(Spoke)) >= 3
    now = clock.run(again(tmp_path, **mode), virtual=True)
    assert (now.failed, now.lines) == ([], then.lines)


def test_a_cassette_holds_every_frame_and_no_key(tmp_path: Path):
    clock.run(original(tmp_path), virtual=True)
    cassette = Cassette.read(tmp_path)
    assert [part.provider for part in cassette.parts.values()] == [
        "deepgram",
        "openai",
        "elevenlabs",
    ]
    said = [heard.said["message"] for heard in cassette.of(Heard) if heard.said]
    assert said[:2] == ["When", "When are"]
    assert [one.human_input for one in cassette.of(Answered)] == [line for _, line in LINES]
    assert sum(size for one in cassette.of(Spoke) for _, size, _ in one.chunks) == len(
        cassette.speech
    )


def test_no_key_stands_on_it_even_if_a_provider_says_one(tmp_path: Path):
    clock.run(original(tmp_path, replies=TELLTALE), virtual=True)
    text = (tmp_path / EVENTS).read_text()
    assert "***" in text
    for key in (deepgram.KEY, openai.KEY, elevenlabs.KEY):
        assert key not in text


def test_another_microphone_is_told_as_such(tmp_path: Path):
    clock.run(original(tmp_path), virtual=True)
    other = ((1.0, "When do you close?"), LINES[1])
    told = clock.run(again(tmp_path, other), virtual=True)
    assert told.failed == ["deepgram Rejected"]


def test_a_folder_that_is_none(tmp_path: Path):
    with pytest.raises(ConfigError, match="no cassette"):
        RecordedAgent({"llm": f"recorded:{tmp_path}"})
    (tmp_path / EVENTS).write_text('{"cassette": 1, "parts": [{}]}')
    with pytest.raises(ConfigError, match="damaged"):
        Cassette.read(tmp_path)
    (tmp_path / EVENTS).write_text('{"cassette": 99}')
    with pytest.raises(ConfigError, match="version 99"):
        Cassette.read(tmp_path)


def test_a_secret_in_a_name_is_put_as_stars(tmp_path: Path):
    cassette = Cassette(events=[Answered("x", 'my key is "s3cret"')])
    cassette.write(tmp_path, (Secret('"s3cret"'),))
    assert Cassette.read(tmp_path).of(Answered)[0].human_input == "my key is ***"
