"""A text in, its audio and the times of its words out: Amazon's Polly, by aiobotocore."""

import asyncio
import json
import os

from aiobotocore.session import get_session


async def main():
    said = {"Text": "We are open from nine to five.", "VoiceId": "Joanna", "Engine": "neural"}
    session = get_session()
    async with session.create_client("polly", region_name=os.environ["AWS_REGION"]) as polly:
        answer = await polly.synthesize_speech(OutputFormat="pcm", SampleRate="16000", **said)
        async with answer["AudioStream"] as stream:
            audio = await stream.read()
        print("seconds:", round(len(audio) / 32_000, 1))
        marks = await polly.synthesize_speech(OutputFormat="json", SpeechMarkTypes=["word"], **said)
        async with marks["AudioStream"] as stream:
            lines = (await stream.read()).decode().splitlines()
        print("words:", *(json.loads(line)["value"] for line in lines))


asyncio.run(main())
