"""A text in, its audio out: Google's SDK, streaming, as its documentation has it."""

import os
from urllib.parse import urlsplit

import grpc
from google.cloud import texttospeech
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcTransport,
)

channel = grpc.insecure_channel(urlsplit(os.environ["TALKBENCH_GOOGLE_VOICE_URL"]).netloc)
client = texttospeech.TextToSpeechClient(transport=TextToSpeechGrpcTransport(channel=channel))
config = texttospeech.StreamingSynthesizeConfig(
    voice=texttospeech.VoiceSelectionParams(name="en-US-Chirp3-HD-Charon", language_code="en-US"),
    streaming_audio_config=texttospeech.StreamingAudioConfig(
        audio_encoding=texttospeech.AudioEncoding.PCM, sample_rate_hertz=16000
    ),
)


def requests():
    yield texttospeech.StreamingSynthesizeRequest(streaming_config=config)
    for text in ("We are open ", "from nine to five."):
        said = texttospeech.StreamingSynthesisInput(text=text)
        yield texttospeech.StreamingSynthesizeRequest(input=said)


key = os.environ["GOOGLE_APPLICATION_CREDENTIALS"]
spoken = client.streaming_synthesize(requests(), metadata=[("x-goog-api-key", key)])
audio = b"".join(piece.audio_content for piece in spoken)
print("seconds:", round(len(audio) / 32_000, 1))
