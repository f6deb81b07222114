"""Spoken sentences in, figures of the keyless voice out: words wrong, first chunk, CPU.

Word error here is of espeak's voices, which the recogniser was not made for, and of whatever lies
in `shared/speech/` beside the project's folder (public recordings; never tuned on).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jiwer

from bench import clock
from bench.audio import read_wav
from bench.simulation.front_desk_lines import TEMPLATES
from bench.simulation.front_desk_slots import SLOTS
from bench.speech.espeak import Espeak
from bench.speech.language_model import expand, normalise
from bench.speech.silero import SileroStream
from bench.speech.sphinx import Recogniser, Result, build_vocabulary, recognise
from tests.bench.figures import Figure, Progress, percentile

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "speech"
VOICES = ("en-us+klatt", "en-us+f2", "en-gb+klatt")
TOPICS_ELSEWHERE = (
    "the parliament voted against the proposal last winter",
    "my dog chased a squirrel up the old oak tree",
    "quantum mechanics describes particles at small scales",
    "she painted the fence bright yellow",
    "the volcano erupted without any warning",
    "we should invest in renewable energy sources",
    "he plays the violin better than his sister",
    "the museum displays ancient egyptian pottery",
    "scientists discovered a new species of beetle",
    "thousands of fans gathered outside the stadium",
)
PAUSE = bytes(9_600)  # 0.3 s before and after


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Everything about `bench.speech`."""
    espeak, recogniser = Espeak(), Recogniser(processes=1)
    bench = _Bench(espeak, recogniser, progress)
    try:
        found = bench.understood(TEMPLATES, SLOTS, 12 if quick else 30)
        found += bench.left_out(TEMPLATES, SLOTS, 6 if quick else 30)
        found += bench.told_apart(TEMPLATES, SLOTS)
        found += bench.recordings(3 if quick else 99)
        found += bench.first_chunk(50 if quick else 300)
    finally:
        espeak.close()
        recogniser.close()
    progress("voice activity")
    return [*found, voice_activity(2_000 if quick else 10_000)]


class _Bench:
    """The engines, and sentences for them."""

    def __init__(self, espeak: Espeak, recogniser: Recogniser, progress: Progress) -> None:
        self._espeak, self._recogniser, self._progress = espeak, recogniser, progress

    def understood(
        self, templates: Sequence[str], slots: Mapping[str, Sequence[str]], count: int
    ) -> list[Figure]:
        """Word error of sentences that are in the list, one of each template that is taken."""
        words = build_vocabulary(templates, slots)
        sentences = sample(templates, slots, count)
        found: list[Figure] = []
        for voice in VOICES:
            self._progress(f"in-list sentences, {voice}")
            results = [clock.run(self._heard(text, voice, words)) for text in sentences]
            exact = sum(r.text == text for text, r in zip(sentences, results, strict=True))
            wrong = word_error(sentences, [result.text for result in results])
            note = f"{exact} of {count} without a mistake"
            found.append(_percent(f"stt.listed.{voice}", f"WER, listed, {voice}", wrong, note))
        return found

    def left_out(
        self, templates: Sequence[str], slots: Mapping[str, Sequence[str]], count: int
    ) -> list[Figure]:
        """Word error of a sentence whose own template the vocabulary was made without."""
        voice, texts, heard = VOICES[0], sample(templates, slots, count), list[str]()
        every_word = sorted({w for t in templates for s in expand(t, slots) for w in s.split()})
        for number, text in enumerate(texts):
            self._progress(f"leave one out, {number + 1} of {count}")
            others = [t for t in templates if text not in expand(t, slots)]
            words = build_vocabulary([*others, *every_word], slots)
            heard.append(clock.run(self._heard(text, voice, words)).text)
        note = "every word stays in the vocabulary"
        wrong = word_error(texts, heard)
        return [_percent("stt.left-out", f"WER, left out of the list, {voice}", wrong, note)]

    def told_apart(
        self, templates: Sequence[str], slots: Mapping[str, Sequence[str]]
    ) -> list[Figure]:
        """The share of sentences on other topics that are taken for something of the list."""
        words = build_vocabulary(templates, slots)
        self._progress("other topics")
        results = [
            clock.run(self._heard(text, voice, words))
            for voice in VOICES
            for text in TOPICS_ELSEWHERE
        ]
        taken = sum(result.in_domain for result in results) / len(results)
        return [_percent("stt.foreign", "other topics taken for listed ones", taken, "")]

    def recordings(self, count: int) -> list[Figure]:
        """Word error of open speech on real recordings, when they are there."""
        listing = RECORDINGS / "transcripts.json"
        if not listing.is_file():
            return []
        clips = json.loads(listing.read_text(encoding="utf-8"))[:count]
        texts, heard, seconds = list[str](), list[str](), 0.0
        for clip in clips:
            self._progress(f"recording {clip['id']}")
            pcm, rate = read_wav(RECORDINGS / clip["file"])
            assert rate == 16_000
            texts.append(normalise(clip["text"]))
            heard.append(clock.run(recognise(self._recogniser, pcm)).text)
            seconds += len(pcm) / 32_000
        note = f"{len(clips)} clips, {seconds:.0f} s, read and declaimed"
        wrong = word_error(texts, heard)
        return [_percent("stt.open", "WER, open speech, real recordings", wrong, note)]

    def first_chunk(self, rounds: int) -> list[Figure]:
        """From the request to the first audio, and CPU of both processes for a whole text."""
        self._progress("first chunk")
        text = "Hello there, I can book a table for two people at seven. Would you like that?"
        clock.run(self._espeak.start())
        cpu = -_cpu_of(self._espeak)
        times, samples = clock.run(self._timed(text, rounds))
        cpu += _cpu_of(self._espeak)
        seconds = samples / 16_000
        return [
            *(
                Figure(
                    f"tts.first.{name}", f"espeak, first chunk, {name}", 1e3 * value, "ms", "wall"
                )
                for name, value in (
                    ("p50", percentile(times, 0.5)),
                    ("p95", percentile(times, 0.95)),
                )
            ),
            Figure(
                "tts.cpu", "espeak, CPU a second of audio", 1e3 * cpu / seconds, "ms", "process"
            ),
        ]

    async def _timed(self, text: str, rounds: int) -> tuple[list[float], int]:
        times: list[float] = []
        samples = 0
        for _ in range(rounds):
            began, first = time.perf_counter(), 0.0
            async for chunk in self._espeak.speak(text):
                first = first or time.perf_counter() - began
                samples += len(chunk.pcm) // 2
            times.append(first)
        return times, samples

    async def _heard(self, text: str, voice: str, words: object) -> Result:
        pcm = [chunk.pcm async for chunk in self._espeak.speak(text, voice=voice)]
        return await recognise(self._recogniser, PAUSE + b"".join(pcm) + PAUSE, words)


def voice_activity(windows: int) -> Figure:
    """CPU that Silero takes for a second of audio, one stream on one thread."""
    stream, window = SileroStream(), bytes(range(256)) * 4
    stream.probability(window)
    began = time.process_time()
    for _ in range(windows):
        stream.probability(window)
    spent = time.process_time() - began
    return Figure("vad.cpu", "Silero, CPU a second of audio", 1e3 * spent / (windows * 0.032), "ms",
                  "process")  # fmt: skip


def sample(templates: Sequence[str], slots: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """One sentence of each of `count` templates spread over the list, with various slot values."""
    step = len(templates) / count
    chosen = [expand(templates[int(number * step)], slots) for number in range(count)]
    return [sentences[7 * n % len(sentences)] for n, sentences in enumerate(chosen)]


def word_error(texts: Iterable[str], heard: Iterable[str]) -> float:
    """Substitutions, deletions and insertions over the words that were said."""
    return jiwer.wer(list(texts), [text or "-" for text in heard])


def _percent(key: str, name: str, share: float, note: str) -> Figure:
    return Figure(key, name, 100 * share, "%", "", note=note)


def _cpu_of(engine: Espeak) -> float:
    """Seconds of CPU the engine's processes and ours have had."""
    import psutil

    processes = [psutil.Process(os.getpid()), *(psutil.Process(pid) for pid in engine.pids())]
    return sum(sum(process.cpu_times()[:2]) for process in processes)
