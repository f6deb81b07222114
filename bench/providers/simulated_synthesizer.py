"""Text in, syllable tones out, as late and as fast as a voice's profile says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, resample, samples_in, silence
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
    words_up_to,
)
from bench.events import Word
from bench.providers.simulated import broken, faults_of, named, refuse, simulation_of
from bench.simulation import voice
from bench.simulation.context import Answer
from bench.simulation.faults import BREAKS, REFUSALS, Fault, FaultWatch
from bench.simulation.latency import correlated
from bench.simulation.profiles import profile

Recorded = Callable[[str], tuple[bytes, Sequence[Word]] | None]
"""Text to 16 kHz PCM and its words, None where there is no recording."""

WRONG_RATE = 1.5  # times the rate that was asked for, where a fault has it wrong


class _Plan(NamedTuple):
    """When the audio of one call comes: the first piece at `first_at`, each further one
    `every_seconds` later, `piece_bytes` at a time; after `break_bytes` of it comes `fault`."""

    began_at: float
    first_at: float
    every_seconds: float
    piece_bytes: int
    fault: Fault | None
    break_bytes: int


class SimulatedSynthesizer(BaseSynthesizer):
    """A simulated voice: latency, pace, leading silence and faults of a profile; exact word times.

    `synthesizer_config` holds `voiceProvider` (`sim:…`) and may hold `simulation`, `voice` (each
    name has a pitch of its own), `pitch`, `words_per_minute` or `speed` as other voices do, and
    `speech`: what says a text with a recording instead of tones.
    """

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        name = named(config, "voiceProvider")
        self._simulation = simulation_of(config)
        self.profile = profile(name, self._simulation.overrides.get(name), role="tts")
        self.provider = f"sim:{self.profile.id}"
        self.voice = config.get("voice") or voice.USUAL_VOICE
        pace, pitch = config.get("words_per_minute"), config.get("pitch")
        usual = voice.USUAL_PACE * (config.get("speed") or 1.0)
        self._words_per_minute = round(usual if pace is None else pace)
        self._semitones = voice.semitones_of(
            self.voice, voice.USUAL_PITCH if pitch is None else int(pitch)
        )
        self._recorded: Recorded | None = config.get("speech")
        self._watch = FaultWatch(faults_of(config), "tts")
        self._answer = ""  # the key of the newest
        self._answer_seconds = 0.0  # of its audio so far

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; the words are known at once, the audio comes as it would."""
        began_at = clock.now()
        answer = self._simulation.answer_with(message.text)
        if answer.key != self._answer:
            self._answer, self._answer_seconds = answer.key, 0.0
        if self._watch and (fault := self._find(REFUSALS, answer)) is not None:
            self._watch.fired(fault)
            await refuse(fault, self.provider)
        wrong = self._find(("wrong_rate", "empty_audio"), answer) if self._watch else None
        pcm, words = self._speech(message.text)
        if wrong is not None:
            self._watch.fired(wrong)
            pcm, words = self._spoilt(wrong, message.text, words)
        draws, profile = self._simulation.draws, self.profile
        low, high = profile.lead_seconds
        lead_seconds = low + (high - low) * draws.uniform(answer.key, "tts.lead")
        first_seconds = profile.first_audio.draw(draws, answer.key, "tts.first_audio")
        luck = correlated(draws, profile.rho, answer.key, "tts.chunk")
        lead_seconds = min(lead_seconds, first_seconds / 2) if pcm else 0.0
        lead = round(lead_seconds * self.sampling_rate)
        pcm = silence(lead) + pcm
        plan = self._plan(
            answer,
            began_at,
            first_seconds - lead / self.sampling_rate,
            profile.real_time_factor.at(luck),
            samples_in(pcm) / self.sampling_rate,
        )
        placed = [
            Word(word.text, word.start_sample + lead, word.end_sample + lead) for word in words
        ]
        heard = words_up_to(placed, self.sampling_rate)
        return SynthesisResult(self._chunks(pcm, chunk_size, plan), heard)

    def _plan(
        self, answer: Answer, began_at: float, first: float, factor: float, seconds: float
    ) -> _Plan:
        """When audio of so many seconds comes, and where it breaks."""
        begin, self._answer_seconds = self._answer_seconds, self._answer_seconds + seconds
        fault = None
        if self._watch:
            if (slow := self._find(("slow",), answer)) is not None:
                self._watch.fired(slow)
                first, factor = first * slow.factor, factor * slow.factor
            fault = self._find(BREAKS, answer, begin, begin + seconds)
        broken_at = 0.0
        if fault is not None:
            usual = 0.0 if fault.kind == "stall" else seconds / 2
            broken_at = usual if fault.point is None else fault.point - begin
        piece = self.profile.chunk_seconds
        return _Plan(
            began_at,
            began_at + max(0.0, first),
            piece * factor,
            max(1, round(piece * self.sampling_rate)) * SAMPLE_WIDTH,
            fault,
            round(broken_at * self.sampling_rate) * SAMPLE_WIDTH,
        )

    def _find(
        self, kinds: Sequence[str], answer: Answer, begin: float = 0.0, end: float = float("inf")
    ) -> Fault | None:
        return self._watch.find(kinds, turn=answer.turn, step=answer.step, begin=begin, end=end)

    def _speech(self, text: str) -> tuple[bytes, Sequence[Word]]:
        recorded = self._recorded(text) if self._recorded is not None else None
        if recorded is None:
            return voice.speak(text, self.sampling_rate, self._words_per_minute, self._semitones)
        pcm, words = recorded
        if self.sampling_rate == SAMPLE_RATE:
            return pcm, words
        ratio = self.sampling_rate / SAMPLE_RATE
        placed = [
            Word(word.text, round(word.start_sample * ratio), round(word.end_sample * ratio))
            for word in words
        ]
        return resample(pcm, SAMPLE_RATE, self.sampling_rate), placed

    def _spoilt(
        self, fault: Fault, text: str, words: Sequence[Word]
    ) -> tuple[bytes, Sequence[Word]]:
        """Nothing at all; or audio of another rate, slow and low, with word times that are not."""
        if fault.kind == "empty_audio":
            return b"", ()
        rate = round(self.sampling_rate * WRONG_RATE)
        pcm, _ = voice.speak(text, rate, self._words_per_minute, self._semitones)
        return pcm, words

    async def _chunks(self, pcm: bytes, size: int, plan: _Plan) -> AsyncGenerator[ChunkResult]:
        due_at, fault, come = plan.first_at, plan.fault, 0
        for start in range(0, max(len(pcm), 1), size):
            if fault is not None and start >= plan.break_bytes:
                due_at = max(due_at, clock.now()) + self._suffer(fault, plan)
                fault, come = None, start
            if start >= come:  # the next piece is yet to come
                await clock.sleep_until(due_at)
                while come <= start:
                    come += plan.piece_bytes
                    due_at += plan.every_seconds
            yield ChunkResult(pcm[start : start + size], start + size >= len(pcm))

    def _suffer(self, fault: Fault, plan: _Plan) -> float:
        """Seconds of silence, or an error."""
        self._watch.fired(fault)
        if fault.kind == "stall":
            return fault.for_seconds
        raise broken(fault, self.provider, plan.began_at)
