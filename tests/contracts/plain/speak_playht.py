"""A text in, its audio out: Play.ht's SDK, as its documentation had it."""

import os

from pyht import Client
from pyht.client import Format, TTSOptions
from pyht.inference_coordinates import InferenceCoordinatesOptions

url = os.environ["TALKBENCH_PLAYHT_URL"]
client = Client(
    user_id=os.environ["PLAYHT_USER_ID"],
    api_key=os.environ["PLAYHT_API_KEY"],
    auto_connect=False,
    advanced=Client.AdvancedOptions(
        api_url=f"{url}/api",
        auto_refresh_lease=False,
        disable_lease_disk_cache=True,
        inference_coordinates_options=InferenceCoordinatesOptions(api_url=f"{url}/api/v4"),
    ),
)
options = TTSOptions(
    voice="s3://voice-cloning-zero-shot/775ae416/jennifersaad/manifest.json",
    format=Format.FORMAT_PCM,
    sample_rate=16000,
)
audio = b"".join(
    client.tts("We are open from nine to five.", options, "Play3.0-mini", protocol="http")
)
print("seconds:", round(len(audio) / 32_000, 1))
client.close()
