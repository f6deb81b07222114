"""Text as it is written in, tones for every word as soon as it is whole out."""

from collections.abc import AsyncGenerator, Callable

from bench import clock
from bench.engine.synthesizer import ChunkResult, SynthesisResult, words_up_to
from bench.events import Word
from bench.simulation import tone
from bench.testing import ToneSynthesizer


class WritingVoice(ToneSynthesizer):
    """Says a text while it is written: a word `first_seconds` after it is whole, and each word
    behind the one before it.

    It does `trouble` after `words` of its first text (None: when it is asked). `asked` keeps each
    text, `pieces` its pieces.
    """

    provider = "writing"
    streams_text = True

    def __init__(
        self,
        trouble: Callable[[], object] | None = None,
        words: int | None = None,
        *,
        first_seconds: float = 0.0,
        word_seconds: float = 0.25,
    ) -> None:
        super().__init__(seconds_per_word=word_seconds, first_seconds=first_seconds)
        self.trouble, self.words = trouble, words
        self.pieces: list[list[str]] = []
        self.closed_at: list[float] = []
        self._first, self._word_seconds = first_seconds, word_seconds

    @property
    def asked(self) -> list[str]:
        """The texts it was given, whole."""
        return ["".join(pieces) for pieces in self.pieces]

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """Say what is written."""
        self.pieces.append([])
        fails = self.trouble is not None and len(self.pieces) == 1
        if fails and self.words is None:
            await self._fail()
        words: list[Word] = []
        chunks = self._said(texts, words, chunk_size, self.words if fails else None)
        return SynthesisResult(chunks, words_up_to(words, self.sampling_rate))

    async def _said(
        self,
        texts: AsyncGenerator[str, None],
        words: list[Word],
        size: int,
        left: int | None,
    ) -> AsyncGenerator[ChunkResult, None]:
        try:
            async for word in self._words(texts):
                if left == len(words):
                    await self._fail()
                await clock.sleep(0.0 if words else self._first)
                begin = words[-1].end_sample if words else 0
                pcm, _ = tone.speak(word, self.sampling_rate, self._word_seconds)
                words.append(Word(word, begin, begin + len(pcm) // 2))
                for start in range(0, len(pcm), size):
                    yield ChunkResult(pcm[start : start + size], False)
            yield ChunkResult(b"", True)
        finally:
            await texts.aclose()
            self.closed_at.append(clock.now())

    async def _words(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        kept, text = self.pieces[-1], ""
        async for piece in texts:
            kept.append(piece)
            *whole, text = f"{text}{piece}".split(" ")
            for word in filter(None, whole):
                yield word
        if text:
            yield text

    async def _fail(self) -> None:
        assert self.trouble is not None
        done = self.trouble()
        if done is not None:
            await done  # type: ignore[misc]
