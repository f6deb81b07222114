"""A sentence in, a sound for the page out: how a voice would say it."""

from __future__ import annotations

import base64
from html import escape

from bench.app.page.speaking import speak, wav
from bench.engine.synthesizer import BaseSynthesizer

MOST_LETTERS = 300
DEADLINE_SECONDS = 15.0


async def spoken(synthesizer: BaseSynthesizer, text: str) -> bytes:
    """The text as a WAV file; closes the synthesizer, and raises as `speak`."""
    said = await speak(synthesizer, text, deadline_seconds=DEADLINE_SECONDS)
    return wav(said.pcm, said.rate)


def player(sound: bytes, text: str) -> str:
    """HTML that plays a WAV at once, and again when asked."""
    data = base64.b64encode(sound).decode()
    return (
        f'<audio class="tb-preview" controls autoplay aria-label="{escape(text)}" '
        f'src="data:audio/wav;base64,{data}"></audio>'
    )
