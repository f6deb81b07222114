"""A socket endpoint of somebody's own, in an application of their own, as they write it."""

from functools import partial

import pytest
from fastapi import FastAPI, WebSocket

import bench
from bench import AudioEncoding, StreamingConversation, WebsocketOutputDevice, clock
from bench.audio import from_mulaw
from bench.engine.transcript import Sender
from bench.providers.handler import Provider
from bench.testing import STORY, ScriptedTranscriber
from tests.app.far_end import QUIET, SOUND, serving

pytestmark = pytest.mark.unit


class Hears(ScriptedTranscriber):
    def __init__(self, config: object = None) -> None:
        super().__init__(on_audio="Tell me a long story")


# Their placeholders filled in: under the name "embedded" stand parts that need no engine.
VoiceHandler = partial(
    bench.VoiceHandler,
    providers=[
        Provider("embedded", "transcriber", "Hears", f"{__name__}:Hears"),
        Provider("embedded", "llm", "Tells", f"{__name__}:tells"),
        Provider("embedded", "voice", "Tones", f"{__name__}:tones"),
    ],
)


def tells(config: object = None) -> object:
    from bench.testing import ScriptedAgent

    return ScriptedAgent()


def tones(config: object = None) -> object:
    from bench.testing import ToneSynthesizer

    return ToneSynthesizer()


app = FastAPI()
calls: list[StreamingConversation] = []


@app.websocket("/my-call")
async def my_call(websocket: WebSocket):
    await websocket.accept()
    handler = VoiceHandler()
    config = {
        "transcriberProvider": "embedded",
        "llmProvider": "embedded",
        "voiceProvider": "embedded",
    }
    call = StreamingConversation(
        output_device=WebsocketOutputDevice(
            ws=websocket, sampling_rate=16000, audio_encoding=AudioEncoding.LINEAR16
        ),
        transcriber=handler.create_transcriber(config),
        agent=handler.create_agent(config),
        synthesizer=handler.create_synthesizer(config),
    )
    calls.append(call)
    await call.start()
    try:
        async for message in websocket.iter_bytes():
            call.receive_audio(message)
    finally:
        await call.terminate()


@app.websocket("/telephone")
async def telephone(websocket: WebSocket):
    await websocket.accept()
    device = WebsocketOutputDevice(websocket, 8000, AudioEncoding.MULAW)
    call = StreamingConversation(
        output_device=device,
        transcriber=Hears(),
        agent=tells(),
        synthesizer=tones(),
    )
    await call.start()
    try:
        async for message in websocket.iter_bytes():
            call.receive_audio(message)
    finally:
        await call.terminate()


def test_their_endpoint_runs_as_it_is_written() -> None:
    async def main() -> None:
        async with serving(app=app) as server:
            client = await server.call(path="/my-call")
            await client.talk(SOUND, *[QUIET] * 100)
            assert not client.messages  # sound and nothing else
            assert {len(frame) for frame in client.audio} == {640}
            lead = 640 * len(client.audio) / 32_000 - 2.0
            assert 0.1 < lead < 0.3
            call = calls.pop()
            assert call.broadcast_interrupt()
            sent = len(client.audio)
            await client.talk(*[QUIET] * 50)
            assert len(client.audio) <= sent + 1
            logs = call.transcript.event_logs
            assert [m.sender for m in logs] == [Sender.HUMAN, Sender.BOT]
            assert STORY.startswith(logs[1].text)
            assert 3 < len(logs[1].text.split()) < 12
            await client.hang_up()
            await clock.sleep(0.6)
            assert call.ended.is_set()

    clock.run(main(), virtual=True)


def test_a_telephone_gets_mulaw() -> None:
    async def main() -> None:
        async with serving(app=app) as server:
            client = await server.call(path="/telephone")
            await client.talk(SOUND, *[QUIET] * 20)
            assert {len(frame) for frame in client.audio} == {160}
            assert any(from_mulaw(b"".join(client.audio)))

    clock.run(main(), virtual=True)
