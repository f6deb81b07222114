"""Two voices in, a recording that stands in the page itself out."""

from __future__ import annotations

import base64
import struct

from bench.audio import SAMPLE_RATE, interleave, samples_in, to_mulaw
from bench.replay.runs import Run

MULAW_FORMAT = 7  # WAVE_FORMAT_MULAW


def recorded_seconds(run: Run) -> float:
    """How long a run's recording is."""
    return max(samples_in(run.user_pcm), samples_in(run.bot_pcm)) / SAMPLE_RATE


def recording(run: Run) -> str:
    """A data URI of both voices: the user on the left, the bot on the right; µ-law WAV, 32 kB a
    second before base64."""
    encoded = to_mulaw(interleave(run.user_pcm, run.bot_pcm))
    return f"data:audio/wav;base64,{base64.b64encode(mulaw_wav(encoded, 2)).decode('ascii')}"


def mulaw_wav(encoded: bytes, channels: int, rate: int = SAMPLE_RATE) -> bytes:
    """µ-law samples as a WAV file (which the standard library does not write)."""
    form = struct.pack("<HHIIHHH", MULAW_FORMAT, channels, rate, rate * channels, channels, 8, 0)
    chunks = [
        (b"fmt ", form),
        (b"fact", struct.pack("<I", len(encoded) // channels)),
        (b"data", encoded + b"\0" * (len(encoded) % 2)),
    ]
    body = b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
