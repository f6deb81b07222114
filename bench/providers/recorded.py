"""A cassette in, the providers of that session out: they do again what they did, when they did it.

What they are given must be what was recorded: other audio, another history or another text is told
as such (`Rejected`), since nobody knows what the provider would have made of it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
    proportion_up_to,
    words_up_to,
)
from bench.engine.tools import ToolCall
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConfigError, Rejected
from bench.events import Word
from bench.providers.cassette import Answered, Cassette, Digest, Heard, Part, Spoke
from bench.providers.known import RECORDED_PREFIX
from bench.providers.recording import digest_of
from bench.settings import ALIASES


def cassette_of(config: Mapping[str, Any], setting: str, role: str) -> tuple[Cassette, Part]:
    """The cassette that a config names for a setting (`recorded:FOLDER`), and who is on it.

    Raises:
        ConfigError: there is none, or nobody in that role on it.
    """
    short = next(alias for alias, name in ALIASES.items() if name == setting)
    name = config.get(setting, config.get(short))
    if not isinstance(name, str) or not name.startswith(RECORDED_PREFIX):
        raise ConfigError(f"a recorded provider wants {setting}: recorded: and a cassette's folder")
    cassette = _read(name.removeprefix(RECORDED_PREFIX))
    if role not in cassette.parts:
        raise ConfigError(f"{name}: nobody was recorded as {role}")
    return cassette, cassette.parts[role]


@functools.cache
def _read(folder: str) -> Cassette:
    return Cassette.read(Path(folder))


class RecordedTranscriber(BaseTranscriber):
    """Hears the recorded microphone, and gives what was made of it at the same samples.

    `transcriber_config` holds `transcriberProvider`: `recorded:FOLDER`. Audio is only counted and
    compared, in `send_audio`.
    """

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        cassette, part = cassette_of(config, "transcriberProvider", "transcriber")
        self.provider = part.provider
        self._left = cassette.of(Heard)[::-1]
        self._sound, self._samples = Digest(), 0
        self._playing: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] | None = None

    def send_audio(self, chunk: bytes) -> None:
        """Compare PCM with what was recorded; never blocks."""
        if self._task is None:
            self.start()
        self._sound.add(bytes(len(chunk)) if self.is_muted else chunk)
        self._samples += len(chunk) // 2
        due = list[Heard]()
        while self._left and self._left[-1].samples <= self._samples:
            due.append(self._left.pop())
        if due:
            self._playing = [task for task in self._playing if not task.done()]
            self._playing.append(spawn(self._play(due, str(self._sound)), name="cassette plays"))

    async def _run_loop(self) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        try:
            await self._failed
        except asyncio.CancelledError:
            for task in self._playing:
                task.cancel()
            await Ending(self._playing)
            raise

    async def _play(self, due: list[Heard], sound: str) -> None:
        came_at = clock.now()
        for event in due:
            if (event.samples, event.sound) != (self._samples, sound):
                self._left.clear()
                self._break(Rejected(self.provider, "this is not the audio of the recording"))
                return
            await clock.sleep_until(came_at + event.after_seconds)
            if event.said is not None:
                await self.output_queue.put(_said(event.said))
            elif event.failed is not None:
                self._break(event.failed.error(self.provider))

    def _break(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


class RecordedAgent(BaseAgent):
    """Answers what it answered then. `agent_config` holds `llmProvider`: `recorded:FOLDER`."""

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        cassette, part = cassette_of(agent_config or {}, "llmProvider", "agent")
        self.provider, self.model = part.provider, part.model
        self._answers = cassette.of(Answered)

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The recorded answer to these words in this history, at its pace."""
        began_at = clock.now()
        asked = digest_of(self.transcript, human_input, is_interrupt=is_interrupt)
        answer = next((one for one in self._answers if one.asked == asked), None)
        if answer is None:
            raise Rejected(self.provider, "this was not asked in the recording")
        self._answers.remove(answer)
        for at, told in answer.pieces:
            await clock.sleep_until(began_at + at)
            yield _response(told)
        await _end(self.provider, began_at, answer)


class RecordedSynthesizer(BaseSynthesizer):
    """Says what was said then, in the same voice, as it came.

    `synthesizer_config` holds `voiceProvider`: `recorded:FOLDER`. It speaks at the recorded rate
    alone; another is a `Rejected`.
    """

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self._cassette, part = cassette_of(config, "voiceProvider", "synthesizer")
        self.provider, self.voice, self._rate = part.provider, part.voice, part.rate
        self._speeches = self._cassette.of(Spoke)

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message` as it was said."""
        began_at, text = clock.now(), message.text
        if self.sampling_rate != self._rate:
            raise Rejected(self.provider, f"the recording is at {self._rate} Hz")
        fits = (one for one in self._speeches if (one.text, one.chunk_bytes) == (text, chunk_size))
        spoke = next(fits, None)
        if spoke is None:
            raise Rejected(self.provider, "this was not said in the recording")
        self._speeches.remove(spoke)
        await clock.sleep_until(began_at + spoke.created_seconds)
        known = list[Word]()
        total = [0]
        chunks = self._chunks(spoke, began_at, known, total)
        if spoke.estimated:
            heard = proportion_up_to(text, lambda: total[0] / self._rate)
        else:
            heard = words_up_to(known, self._rate)
        return SynthesisResult(chunks, heard, spoke.estimated)

    async def _chunks(
        self, spoke: Spoke, began_at: float, known: list[Word], total: list[int]
    ) -> AsyncGenerator[ChunkResult, None]:
        """The audio as it came; `known` and `total` (samples) grow with it."""
        begin, last = spoke.begins, len(spoke.chunks) - 1
        for number, (at, size, words) in enumerate(spoke.chunks):
            await clock.sleep_until(began_at + at)
            known += [Word(word, 0, end) for word, end in spoke.words[len(known) : words]]
            pcm = bytes(self._cassette.speech[begin : begin + size])
            begin += size
            total[0] += size // 2
            whole = spoke.ended_seconds is not None and spoke.failed is None
            yield ChunkResult(pcm, whole and number == last)
        await _end(self.provider, began_at, spoke)


async def _end(provider: str, began_at: float, event: Answered | Spoke) -> None:
    """End as the recorded stream did."""
    if event.ended_seconds is None:
        raise BrokenStream(provider, "the recording was broken off here")
    await clock.sleep_until(began_at + event.ended_seconds)
    if event.failed is not None:
        raise event.failed.error(provider)


def _said(fields: Mapping[str, Any]) -> Transcription:
    words = tuple(Word(*word) for word in fields.get("words", ()))
    return Transcription(**{**fields, "words": words})


def _response(told: Mapping[str, Any]) -> GeneratedResponse:
    rest = {name: value for name, value in told.items() if name not in ("text", "tool_calls")}
    calls = tuple(ToolCall(**call) for call in told.get("tool_calls", ()))
    return GeneratedResponse(BaseMessage(told["text"]), tool_calls=calls, **rest)
