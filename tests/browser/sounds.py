"""A length in, a sound out that is not a word: PCM16 at 48 kHz."""

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FORMANTS = ((730, 90, 1.0), (1090, 110, 0.5), (2440, 160, 0.2), (3400, 200, 0.1))  # Hz, Hz, gain


def vowel(seconds: float = 0.3, pitch: float = 120.0) -> bytes:
    """An "ah" with a little vibrato: voice, and no word."""
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch + 10 * np.sin(2 * np.pi * 4 * t)) / RATE
    sound = np.zeros_like(t)
    for harmonic in range(1, 30):
        gain = sum(g / (1 + ((harmonic * pitch - hz) / width) ** 2) for hz, width, g in FORMANTS)
        sound += gain * np.sin(harmonic * phase)
    return _pcm(sound * np.clip(np.minimum(t, t[::-1]) / 0.03, 0, 1))


def cough(seconds: float = 0.2) -> bytes:
    """A burst of breath: noise of 300 to 3000 Hz that begins at once and dies away."""
    t = np.arange(round(seconds * RATE)) / RATE
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(t)))
    hertz = np.fft.rfftfreq(len(t), 1 / RATE)
    burst = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 3000)), len(t))
    return _pcm(burst * np.clip(t / 0.005, 0, 1) * np.exp(-4 * t / seconds))


def _pcm(sound: NDArray[np.float64]) -> bytes:
    return (0.45 * 32767 * sound / np.max(np.abs(sound))).astype("<i2").tobytes()
