"""A length in, a sound out that is not a word: PCM16 at 48 kHz."""

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FORMANTS = ((280, 70, 1.0), (2250, 120, 0.4), (2900, 160, 0.3), (3500, 200, 0.1))  # Hz, Hz, gain


def vowel(seconds: float = 0.3) -> bytes:
    """An "ee" that falls from 130 to 95 Hz: voice, and no word (an "eh" may pass for "a")."""
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 130 - 35 * t / seconds + 6 * np.sin(2 * np.pi * 4 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = np.zeros_like(t)
    for harmonic in range(1, 35):
        hertz = harmonic * pitch
        gain = sum(g / (1 + ((hertz - peak) / width) ** 2) for peak, width, g in FORMANTS)
        voice += gain * np.sin(harmonic * phase)
    voice *= np.clip(np.minimum(t / 0.02, t[::-1] / 0.08), 0, 1)
    breath = np.random.default_rng(0).standard_normal(len(t))
    breath *= np.clip(np.minimum(t, t[::-1]) / 0.03, 0, 1)
    return _pcm(voice / np.max(np.abs(voice)) + 0.02 * breath)


def cough(seconds: float = 0.2) -> bytes:
    """A burst of breath: noise of 300 to 3000 Hz that begins at once and dies away."""
    t = np.arange(round(seconds * RATE)) / RATE
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(t)))
    hertz = np.fft.rfftfreq(len(t), 1 / RATE)
    burst = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 3000)), len(t))
    return _pcm(burst * np.clip(t / 0.005, 0, 1) * np.exp(-4 * t / seconds))


def _pcm(sound: NDArray[np.float64]) -> bytes:
    return (0.45 * 32767 * sound / np.max(np.abs(sound))).astype("<i2").tobytes()
