"""A page's socket, the bench behind it, and vendors that are emulated in a process of their own:
what is said is heard, answered and played, in real time."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from bench import clock
from bench.audio import to_samples
from bench.providers.cassette import Answered, Cassette, Heard
from bench.speech.espeak import Espeak
from tests.app.far_end import QUIET, Client
from tests.emulators.emulating import emulating

pytestmark = pytest.mark.contract

QUESTION = "When are you open?"
FRAME = len(QUIET)
ENOUGH_BYTES = 2 * 16_000  # a second of the answer
LOUD = 3000  # of 32768


@contextmanager
def the_app(*options: str) -> Generator[str]:
    """The address of a bench with these options, in a process of its own."""
    command = [sys.executable, "-m", "bench", "app", "--port", "0", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("Talkbench listens on "), first
            yield first.removeprefix("Talkbench listens on ").split()[0]
        finally:
            process.terminate()
            process.communicate(timeout=20)


async def spoken(text: str) -> bytes:
    engine = Espeak()
    try:
        await engine.start()
        pieces = engine.speak(text, voice="en-us+klatt", words_per_minute=165)
        return b"".join([piece.pcm async for piece in pieces])
    finally:
        engine.close()


async def answered(address: str, question: bytes) -> Client:
    """The client, once it has asked and some of the answer has sounded."""
    url = address.replace("http:", "ws:") + "/conversation"
    client = Client(await connect(url, compression=None), plays=True)
    try:
        await client.start(framing="utterance")
        sound = QUIET * 25 + question
        await client.talk(*(sound[at : at + FRAME] for at in range(0, len(sound), FRAME)))
        assert client.speaker is not None
        async with clock.deadline(15.0):
            while len(client.speaker.heard) < ENOUGH_BYTES:
                await client.talk(QUIET)
    finally:
        await client.hang_up()
    return client


def test_a_question_is_heard_answered_played_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    trio = ("--stt", "deepgram", "--llm", "openai", "--tts", "elevenlabs")

    async def main(address: str) -> Client:
        return await answered(address, await spoken(QUESTION))

    with emulating("deepgram", "openai", "elevenlabs") as served:
        for name, value in served.variables.items():
            monkeypatch.setenv(name, value)
        with the_app(*trio, "--record", str(tmp_path)) as address:
            client = clock.run(main(address))
    finals = [(one["role"], one["text"]) for one in client.of("transcript", final=True)]
    assert finals[0] == ("user", "when are you open")
    assert finals[1][0] == "agent"
    assert "We are open from nine in the morning" in finals[1][1]
    assert client.of("error") == []
    assert client.speaker is not None
    assert max(map(abs, to_samples(bytes(client.speaker.heard)))) > LOUD
    cassette = Cassette.read(tmp_path / client.of("ready")[0]["session"])
    assert [part.provider for part in cassette.parts.values()] == [
        *("deepgram", "openai", "elevenlabs")
    ]
    assert cassette.of(Heard)[-1].said is not None
    assert cassette.of(Answered)[0].human_input == "when are you open"
    assert len(cassette.speech) > ENOUGH_BYTES
