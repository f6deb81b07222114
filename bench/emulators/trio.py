"""A run's truth, replies and faults in, three servers out: the trio for a replay."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.emulators import deepgram, elevenlabs, openai
from bench.emulators.deepgram import DeepgramEmulator
from bench.emulators.elevenlabs import ElevenLabsEmulator
from bench.emulators.openai import OpenAIEmulator
from bench.settings import Secret
from bench.simulation.context import Simulation
from bench.simulation.profiles import LlmProfile, SttProfile, TtsProfile, profile

STT, LLM, TTS = "sim:deepgram-nova-3", "sim:gpt-4.1", "sim:elevenlabs-flash-v2.5"
"""The profiles whose figures the servers keep to."""
PAUSE_SECONDS = 0.3  # that the adapter has end an utterance, and that a final's figure includes


@dataclass(frozen=True, slots=True)
class Served:
    """Three servers that run: `addresses` and `keys` are what an agent config must hold."""

    ears: DeepgramEmulator
    mind: OpenAIEmulator
    mouth: ElevenLabsEmulator

    @property
    def addresses(self) -> dict[str, str]:
        """By the names of the settings."""
        return {
            "deepgram_url": self.ears.url,
            "openai_base_url": self.mind.url,
            "elevenlabs_url": self.mouth.url,
        }

    @property
    def keys(self) -> dict[str, Secret]:
        """By the names of the variables."""
        return {
            "DEEPGRAM_API_KEY": Secret(deepgram.KEY),
            "OPENAI_API_KEY": Secret(openai.KEY),
            "ELEVENLABS_API_KEY": Secret(elevenlabs.KEY),
        }


@asynccontextmanager
async def serving_trio(simulation: Simulation) -> AsyncGenerator[Served, None]:
    """Serve one run's Deepgram, OpenAI and ElevenLabs, with delays of its own draws."""
    faults, turn = simulation.faults, lambda: simulation.turn()
    stt, llm, tts = (simulation.overrides.get(name) for name in (STT, LLM, TTS))
    interim, final = _hears(simulation, profile(STT, stt, role="stt"))
    first_token, every = _writes(simulation, profile(LLM, llm, role="llm"))
    first_audio, factor = _speaks(simulation, profile(TTS, tts, role="tts"))
    ears = DeepgramEmulator(simulation.feed, interim=interim, final=final, faults=faults, turn=turn)
    mind = OpenAIEmulator(
        simulation.replies, first=first_token, every=every, faults=faults, turn=turn
    )
    mouth = ElevenLabsEmulator(first=first_audio, factor=factor, faults=faults, turn=turn)
    async with ears.serving(), mind.serving(), mouth.serving():
        yield Served(ears, mind, mouth)


Delays = tuple[Callable[[], float], Callable[[], float]]


def _hears(simulation: Simulation, figures: SttProfile) -> Delays:
    draws, feed = simulation.draws, simulation.feed
    return (
        lambda: figures.partial_lag_seconds,
        lambda: max(0.0, figures.final.draw(draws, feed.step, "stt.final") - PAUSE_SECONDS),
    )


def _writes(simulation: Simulation, figures: LlmProfile) -> Delays:
    draws, feed = simulation.draws, simulation.feed
    return (
        lambda: figures.first_token.draw(draws, feed.step, "llm.first_token"),
        lambda: 1.0 / figures.tokens_per_second.at(draws.normal(feed.step, "llm.pace")),
    )


def _speaks(simulation: Simulation, figures: TtsProfile) -> Delays:
    draws, feed = simulation.draws, simulation.feed
    return (
        lambda: figures.first_audio.draw(draws, feed.step, "tts.first_audio"),
        lambda: figures.real_time_factor.at(draws.normal(feed.step, "tts.pace")),
    )
