"""The user's sound in, what reaches the bot out: noise, echo, codec, lost and late frames."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bench.audio import SAMPLE_RATE, from_mulaw, resample, to_mulaw
from bench.errors import ConfigError
from bench.replay import sound_files
from bench.replay.scenario import Channel, Loss, Noise
from bench.simulation.draws import Draws

Samples = npt.NDArray[np.float64]

TELEPHONE_RATE = 8_000
NOISE_SECONDS = 8.0  # of made noise, then it comes again
BABBLE_VOICES = 6
SPEECH_RMS = 3000.0  # of a step at no gain, which the signal-to-noise ratio refers to
STAGE = "channel"
QUIET_STRETCH_FRAMES = 2  # of lost frames that are concealed, then silence


class Line:
    """One caller's way to the bot, frame by frame; the same draws make the same line."""

    def __init__(self, channel: Channel, frame_samples: int, draws: Draws) -> None:
        self.channel = channel
        self._frame_samples = frame_samples
        self._draws = draws
        self._noise = _noise(channel.noise, draws) if channel.noise else None
        if self._noise is not None:
            self._noise = self.through_codec(self._noise)
        self._burst = False
        self._lost = 0  # frames in a row
        self._last = np.zeros(frame_samples)

    @property
    def is_plain(self) -> bool:
        """Whether silence stays silence, so that a frame without sound needs no work."""
        return self._noise is None and self.channel.loss is None

    def through_codec(self, clip: Samples) -> Samples:
        """A clip as the line's bandwidth leaves it; what is quantised, `send` does."""
        if self.channel.codec == "none" or not clip.size:
            return clip
        pcm = _to_pcm(clip)
        narrow = resample(resample(pcm, SAMPLE_RATE, TELEPHONE_RATE), TELEPHONE_RATE, SAMPLE_RATE)
        samples = np.frombuffer(narrow, dtype="<i2").astype(np.float64)
        return np.resize(np.pad(samples, (0, max(0, clip.size - samples.size))), clip.size)

    def send(self, k: int, frame: Samples) -> bytes:
        """The `k`th frame as it arrives: PCM of the same length."""
        if self._noise is not None:
            places = np.arange(k * frame.size, (k + 1) * frame.size) % self._noise.size
            frame = frame + self._noise[places]
        if self.channel.loss is not None:
            frame = self._through_loss(k, frame, self.channel.loss)
        pcm = _to_pcm(frame)
        return from_mulaw(to_mulaw(pcm)) if self.channel.codec == "pcmu-8k" else pcm

    def late_seconds(self, k: int) -> float:
        """By how much the `k`th frame is late: gamma of shape 2, the sum of two exponentials."""
        jitter = self.channel.jitter
        if jitter is None or not jitter.mean_seconds:
            return 0.0
        each = jitter.mean_seconds / 2
        draws = (self._draws.uniform(STAGE, "jitter", 2 * k + i) for i in range(2))
        return sum(-each * math.log(draw) for draw in draws)

    def _through_loss(self, k: int, frame: Samples, loss: Loss) -> Samples:
        if not self._is_lost(k, loss):
            self._lost, self._last = 0, frame
            return frame
        self._lost += 1
        if loss.conceal and self._lost <= QUIET_STRETCH_FRAMES:
            return self._last * 0.5**self._lost
        return np.zeros(frame.size)

    def _is_lost(self, k: int, loss: Loss) -> bool:
        draw = self._draws.uniform(STAGE, "loss", k)
        if loss.model == "random":
            return draw < loss.rate
        burst_frames = max(1.0, loss.burst_seconds * SAMPLE_RATE / self._frame_samples)
        ends = 1 / burst_frames
        begins = ends * loss.rate / (1 - loss.rate)
        self._burst = draw >= ends if self._burst else draw < begins
        return self._burst


def _to_pcm(samples: Samples) -> bytes:
    return np.minimum(np.maximum(np.rint(samples), -32768), 32767).astype("<i2").tobytes()


def _noise(noise: Noise, draws: Draws) -> Samples:
    """A loop of noise at the level its ratio to speech asks for."""
    if noise.file is not None:
        loop = np.frombuffer(sound_files.read(noise.file), dtype="<i2").astype(np.float64)
    else:
        seed = int(draws.uniform(STAGE, f"noise.{noise.kind}", 0) * 2**32)
        loop = KINDS[noise.kind](np.random.Generator(np.random.PCG64(seed)))
    level = float(np.sqrt(np.mean(loop**2))) if loop.size else 0.0
    if not level:
        raise ConfigError(f"the noise of {noise.file or noise.kind} is silent")
    return loop * (SPEECH_RMS / 10 ** (noise.snr_db / 20) / level)


def _white(random: np.random.Generator) -> Samples:
    return random.standard_normal(round(NOISE_SECONDS * SAMPLE_RATE))


def _shaped(random: np.random.Generator, gain: Callable[[Samples], Samples]) -> Samples:
    """Noise with a spectrum: `gain` of the frequencies in Hz."""
    samples = round(NOISE_SECONDS * SAMPLE_RATE)
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum * gain(np.maximum(frequencies, 20.0)), samples)


def _pink(random: np.random.Generator) -> Samples:
    return _shaped(random, lambda hertz: 1 / np.sqrt(hertz))


def _hum(random: np.random.Generator) -> Samples:
    seconds = np.arange(round(NOISE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    tones = [np.sin(2 * np.pi * 50 * n * seconds) / n for n in (1, 2, 3, 5)]
    return np.sum(tones, axis=0) + 0.02 * random.standard_normal(seconds.size)


def _babble(random: np.random.Generator) -> Samples:
    """Several talkers far away: noise in the band of speech, each with syllables of its own."""
    talk = np.zeros(round(NOISE_SECONDS * SAMPLE_RATE))
    seconds = np.arange(talk.size) / SAMPLE_RATE
    for _ in range(BABBLE_VOICES):
        voice = _shaped(random, lambda hertz: np.exp(-((np.log2(hertz / 500)) ** 2)))
        rate, phase = random.uniform(3, 5), random.uniform(0, 2 * np.pi)
        talk += voice * (1 + np.sin(2 * np.pi * rate * seconds + phase)) / 2
    return talk


KINDS = {"white": _white, "pink": _pink, "hum": _hum, "babble": _babble}
