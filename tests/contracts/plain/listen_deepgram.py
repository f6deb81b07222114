"""A recording in, its words out: Deepgram's SDK, as its documentation has it."""

import os
import sys
import threading
import time
import wave

from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

url = os.environ["TALKBENCH_DEEPGRAM_URL"]
client = DeepgramClient(
    api_key=os.environ["DEEPGRAM_API_KEY"],
    environment=DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url),
)


def on_message(message):
    if message.type == "Results" and message.is_final and message.channel.alternatives[0].words:
        best = message.channel.alternatives[0]
        print(best.transcript, f"{best.words[0].start:.1f}")


with client.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as socket:
    socket.on(EventType.MESSAGE, on_message)
    listening = threading.Thread(target=socket.start_listening)
    listening.start()
    with wave.open(sys.argv[1]) as recording:
        while frames := recording.readframes(1600):
            socket.send_media(frames)
            time.sleep(0.1)
    socket.send_close_stream()
    listening.join()
