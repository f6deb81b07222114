"""A conversation in, assertions out: parts for tests, ours and those of whoever builds on the
engine.

`create_test_conversation()` gives a whole conversation that needs no key, no network and no engine:
a transcriber that says what it is told, an agent with a story, tones for speech and a loudspeaker
that reports what it played. Any of them may be replaced by your own. Run it in virtual time with
`bench.clock.run(main(), virtual=True)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextvars import ContextVar
from typing import Any

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.conversation import StreamingConversation
from bench.engine.output import OutputDevice
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
    proportion_up_to,
    words_up_to,
)
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.transcript import Message
from bench.events import Word
from bench.simulation import tone
from bench.simulation.loudspeaker import Loudspeaker

STORY = (
    "Once upon a time there was a clock that had no hands. Every morning the baker asked it for "
    "the hour, and every morning it gave the same answer. It is now, said the clock. In time the "
    "whole town came to agree, and nobody was ever late again."
)


class ScriptedTranscriber(BaseTranscriber):
    """Hears what it is told to: `hear` puts words on its output, whatever the audio is.

    `on_audio` is the one thing it makes of sound: said, as a final, at the first chunk that is not
    silent.
    """

    provider = "scripted"

    def __init__(self, on_audio: str | None = None) -> None:
        super().__init__()
        self.on_audio = on_audio
        self.received = bytearray()

    async def process(self, item: bytes) -> None:
        """Keep the audio; the first sound becomes `on_audio`."""
        self.received += item
        if self.on_audio is not None and any(item):
            said, self.on_audio = self.on_audio, None
            await self.output_queue.put(Transcription(said, ends_turn=True))

    def hear(
        self,
        text: str,
        *,
        final: bool = True,
        ends_turn: bool | None = True,
        confidence: float = 1.0,
    ) -> None:
        """Say that the user said `text`."""
        said = Transcription(text, confidence, final, ends_turn=ends_turn if final else None)
        self.output_queue.put_nowait(said)


class ScriptedAgent(BaseAgent):
    """Answers with its lines one after the other, the last for ever; word by word.

    `think_seconds` pass before the first word, `word_seconds` before each further one. `asked`
    keeps what it was asked: (the words, whether they cut in).
    """

    provider = "scripted"

    def __init__(
        self,
        lines: Iterable[str] = (STORY,),
        *,
        think_seconds: float = 0.0,
        word_seconds: float = 0.0,
    ) -> None:
        super().__init__()
        self.lines = list(lines)
        self.asked: list[tuple[str, bool]] = []
        self._think_seconds, self._word_seconds = think_seconds, word_seconds

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The next line, a word at a time."""
        self.asked.append((human_input, is_interrupt))
        line = self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]
        await clock.sleep(self._think_seconds)
        for i, word in enumerate(line.split()):
            if i and self._word_seconds:
                await clock.sleep(self._word_seconds)
            yield GeneratedResponse(BaseMessage(f" {word}" if i else word))


class ToneSynthesizer(BaseSynthesizer):
    """Speaks in tones, with exact word times.

    `first_seconds` pass before the first chunk; after it, audio comes `real_time_factor` times as
    slowly as it plays (0: at once). `word_times` False leaves the words to be estimated.
    """

    provider = "tone"

    def __init__(
        self,
        *,
        seconds_per_word: float | None = None,
        first_seconds: float = 0.0,
        real_time_factor: float = 0.0,
        word_times: bool = True,
    ) -> None:
        super().__init__()
        self._seconds_per_word = seconds_per_word
        self._first_seconds, self._real_time_factor = first_seconds, real_time_factor
        self._word_times = word_times

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Tones for every word."""
        pcm, spoken = tone.speak(message.text, self.sampling_rate, self._seconds_per_word)
        words = [Word(*word) for word in spoken]
        chunks = self._chunks(pcm, chunk_size)
        if self._word_times:
            return SynthesisResult(chunks, words_up_to(words, self.sampling_rate))
        heard = proportion_up_to(message.text, lambda: len(pcm) / (2 * self.sampling_rate))
        return SynthesisResult(chunks, heard, estimated=True)

    async def _chunks(self, pcm: bytes, size: int) -> AsyncGenerator[ChunkResult, None]:
        await clock.sleep(self._first_seconds)
        per_chunk = self._real_time_factor * size / (2 * self.sampling_rate)
        for start in range(0, max(len(pcm), 1), size):
            yield ChunkResult(pcm[start : start + size], start + size >= len(pcm))
            if per_chunk:
                await clock.sleep(per_chunk)


class TestConversation(StreamingConversation):
    """A conversation for tests that starts with its first audio and keeps what it puts out."""

    __test__ = False  # pytest: not a test class

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.spoken: list[bytes] = []  # chunks given to the output device
        self._more = asyncio.Event()
        self._read = 0
        consume = self.output_device.consume_nonblocking

        def keep(chunk: bytes) -> None:
            self.spoken.append(chunk)
            self._more.set()
            consume(chunk)

        self.output_device.consume_nonblocking = keep

    def receive_audio(self, chunk: bytes) -> None:
        """Take PCM; the first starts the conversation."""
        self.begin()
        super().receive_audio(chunk)

    async def next_chunk(self) -> bytes:
        """The next chunk of output that was not asked for yet."""
        self.begin()
        while self._read >= len(self.spoken):
            self._more.clear()
            await self._more.wait()
        self._read += 1
        return self.spoken[self._read - 1]


_newest: ContextVar[TestConversation] = ContextVar("newest test conversation")


def create_test_conversation(
    *,
    transcriber: BaseTranscriber | None = None,
    agent: BaseAgent | None = None,
    synthesizer: BaseSynthesizer | None = None,
    output_device: OutputDevice | None = None,
    **settings: Any,
) -> TestConversation:
    """A conversation for a test; it starts with its first audio, or with `await start()`.

    Without parts of yours, any sound is heard as "Tell me a long story", and a story is told in
    tones to a loudspeaker that reports what it played.
    """
    conversation = TestConversation(
        output_device=output_device or Loudspeaker(),
        transcriber=transcriber or ScriptedTranscriber(on_audio="Tell me a long story"),
        agent=agent or ScriptedAgent(),
        synthesizer=synthesizer or ToneSynthesizer(),
        **{"idle_seconds": None, **settings},
    )
    _newest.set(conversation)
    return conversation


async def wait_for_audio_output(
    conversation: TestConversation | None = None, *, timeout: float = 5.0
) -> bytes:
    """The next chunk of PCM from the newest test conversation, or from the one given.

    Raises:
        TimeoutError: none came within `timeout` seconds.
    """
    async with clock.deadline(timeout):
        return await (conversation or _newest.get()).next_chunk()


def is_partial_message(message: Message) -> bool:
    """Whether a message was cut short: less was heard than was to be said."""
    return message.interrupted and len(message.text) < len(message.intended)
