"""A recording in, its turns out: AssemblyAI's SDK, as its documentation has it."""

import os
import sys
import time
import wave

from assemblyai.streaming.v3 import (
    StreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
)


def on_turn(client, event):
    if event.end_of_turn:
        print(event.transcript)


def on_error(client, error):
    print("error:", error, file=sys.stderr)


client = StreamingClient(
    StreamingClientOptions(
        api_key=os.environ["ASSEMBLYAI_API_KEY"], api_host=os.environ["TALKBENCH_ASSEMBLYAI_URL"]
    )
)
client.on(StreamingEvents.Turn, on_turn)
client.on(StreamingEvents.Error, on_error)
client.connect(StreamingParameters(sample_rate=16000))
with wave.open(sys.argv[1]) as recording:
    while frames := recording.readframes(1600):
        client.stream(frames)
        time.sleep(0.1)
client.disconnect(terminate=True)
