"""A text in, its audio and the times of its characters out: ElevenLabs' SDK."""

import base64
import os

from elevenlabs.client import ElevenLabs

client = ElevenLabs(
    api_key=os.environ["ELEVENLABS_API_KEY"], base_url=os.environ["TALKBENCH_ELEVENLABS_URL"]
)
asked = {
    "voice_id": "JBFqnCBsd6RMkjVDRZzb",
    "model_id": "eleven_flash_v2_5",
    "text": "We are open from nine to five.",
    "output_format": "pcm_16000",
}
audio = b"".join(client.text_to_speech.stream(**asked))
print("seconds:", round(len(audio) / 32_000, 1))

timed, said = b"", ""
for piece in client.text_to_speech.stream_with_timestamps(**asked):
    timed += base64.b64decode(piece.audio_base_64)
    said += "".join(piece.alignment.characters)
print("timed:", round(len(timed) / 32_000, 1), said)
