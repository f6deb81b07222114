"""A recording in, its words out: Google's SDK, as its documentation has it."""

import asyncio
import os
import sys
import wave
from urllib.parse import urlsplit

import grpc
from google.cloud import speech
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcAsyncIOTransport

config = speech.StreamingRecognitionConfig(
    config=speech.RecognitionConfig(
        encoding=speech.RecognitionConfig.AudioEncoding.LINEAR16,
        sample_rate_hertz=16000,
        language_code="en-US",
    ),
    interim_results=True,
)


async def requests():
    yield speech.StreamingRecognizeRequest(streaming_config=config)
    with wave.open(sys.argv[1]) as recording:
        while frames := recording.readframes(1600):
            yield speech.StreamingRecognizeRequest(audio_content=frames)
            await asyncio.sleep(0.1)


async def main():
    address = urlsplit(os.environ["TALKBENCH_GOOGLE_SPEECH_URL"]).netloc
    async with grpc.aio.insecure_channel(address) as channel:
        transport = SpeechGrpcAsyncIOTransport(channel=channel)
        client = speech.SpeechAsyncClient(transport=transport)
        key = ("x-goog-api-key", os.environ["GOOGLE_APPLICATION_CREDENTIALS"])
        async for response in await client.streaming_recognize(requests(), metadata=[key]):
            for result in response.results:
                if result.is_final:
                    print(result.alternatives[0].transcript)


asyncio.run(main())
