"""A recording in, its turns out: Deepgram's Flux, as its documentation has it."""

import asyncio
import os
import sys
import wave

from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

url = os.environ["TALKBENCH_DEEPGRAM_URL"]
client = AsyncDeepgramClient(
    api_key=os.environ["DEEPGRAM_API_KEY"],
    environment=DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url),
)


turn_is_over = asyncio.Event()


def on_message(message):
    if message.type == "TurnInfo" and message.event in ("StartOfTurn", "EndOfTurn"):
        print(message.event, message.transcript)
    if message.type == "TurnInfo" and message.event == "EndOfTurn":
        turn_is_over.set()


async def main():
    connecting = client.listen.v2.connect(
        model="flux-general-en", encoding="linear16", sample_rate=16000
    )
    async with connecting as socket:
        socket.on(EventType.MESSAGE, on_message)
        listening = asyncio.create_task(socket.start_listening())
        with wave.open(sys.argv[1]) as recording:
            while frames := recording.readframes(1280):
                await socket.send_media(frames)
                await asyncio.sleep(0.08)
        await asyncio.wait_for(turn_is_over.wait(), 20)
        await socket.send_close_stream()
        await listening


asyncio.run(main())
