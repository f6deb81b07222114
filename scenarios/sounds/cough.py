"""Seeded noise in, a cough out: run it to make `cough.wav` anew.

A cough is two bursts of noise, the second weaker, shaped by a throat's resonances.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.audio import SAMPLE_RATE, write_wav

QUIET = 64  # |sample| up to here is not audible
BURSTS = (  # seconds, attack, decay, level, (centre, width) of the resonances in hertz
    (0.17, 0.006, 0.050, 0.55, ((600, 350), (1500, 600), (3200, 1400))),
    (0.16, 0.010, 0.055, 0.30, ((450, 250), (1200, 500), (2800, 1500))),
)
GAP_SECONDS = 0.05


def cough() -> bytes:
    """The cough as 16 kHz PCM, silence at its end left out."""
    generator = np.random.Generator(np.random.PCG64(20))
    pieces: list[NDArray[np.float64]] = []
    for seconds, attack, decay, level, resonances in BURSTS:
        size = int(seconds * SAMPLE_RATE)
        spectrum = np.fft.rfft(generator.standard_normal(size))
        hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
        throat = sum(np.exp(-(((hertz - centre) / width) ** 2)) for centre, width in resonances)
        at = np.arange(size) / SAMPLE_RATE
        burst = np.fft.irfft(spectrum * throat, size)
        burst *= np.minimum(1, at / attack) * np.exp(-at / decay)
        pieces += [burst / np.abs(burst).max() * level, np.zeros(int(GAP_SECONDS * SAMPLE_RATE))]
    samples = np.rint(np.concatenate(pieces) * 32767).astype("<i2")
    loud = np.flatnonzero(np.abs(samples.astype(int)) > QUIET)
    return samples[: loud[-1] + 1].tobytes()


if __name__ == "__main__":
    write_wav(Path(__file__).with_suffix(".wav"), cough())
