"""A text that is still being written in, somebody who says it meanwhile out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from bench.engine.drafts import Draft
from bench.engine.fallback import Recorder, name_of
from bench.engine.saying import Sentence
from bench.engine.sentences import Sentences, says_something
from bench.engine.synthesizer import BaseSynthesizer, SynthesisResult
from bench.engine.takes import Take
from bench.errors import BrokenStream
from bench.events import SynthesisContinued


class Dictation(Sentence):
    """A whole answer said while it is written, and what is left of it where somebody broke off.

    A voice that takes no text piecewise, as a backup may be, says it sentence by sentence. What is
    left to say is `_left` and then the draft from `_place` on.
    """

    def __init__(
        self,
        draft: Draft,
        synthesizer: BaseSynthesizer,
        recorder: Recorder,
        *,
        chunk_size: int,
        seconds: float,
        on_take: Callable[[SynthesisResult], None],
    ) -> None:
        super().__init__(
            "", synthesizer, recorder, chunk_size=chunk_size, seconds=seconds, on_take=on_take
        )
        self._draft = draft
        self._left, self._place = "", 0
        self._sentence: str | None = None  # that a voice is asked for; None: it gets the draft
        self._follows = False  # one that was said by the same voice
        self._streams = False  # what the newest take is given
        self._begins = False  # and whoever writes waits for that
        self._given = self._counted = self._entered = 0  # characters of what a voice was asked for
        self._all_given = False

    @property
    def asked(self) -> str:
        """The text that the newest take is to say, as far as it is written."""
        return self._ahead if self._sentence is None else self._sentence

    async def begin(self) -> Take | None:
        """Speech of it; an empty one where a voice wants a sentence and none is whole yet."""
        self._begins = True
        try:
            return await super().begin()
        finally:
            self._begins = False

    async def more(self) -> Take | None:
        """The next sentence, where a voice takes them one by one.

        Raises:
            BrokenStream: a voice ended without having been given all of the text.
        """
        if self._streams:
            if not self._all_given and says_something(self._ahead):
                name = name_of(self._attempts.who)
                raise BrokenStream(name, "the speech ended before its text did")
            return None
        self._release()
        self._sentence, self._follows = None, self._sentence is not None
        await self._written()
        return await self._take() if says_something(self._ahead) else None

    def leave(self, *, done: bool) -> None:
        """Nothing more is wanted of it, nor of the draft."""
        super().leave(done=done)
        self._draft.leave()

    @property
    def _ahead(self) -> str:
        return self._left + self._draft.text[self._place :]

    def _put_back(self, left: str) -> None:
        asked, ahead = self.asked, self._ahead
        if self._sentence is not None:
            left += ahead
        elif left and asked[-1:].isspace() and not left[-1].isspace():
            left += " "
        self._left, self._place, self._sentence = left, len(self._draft.text), None
        self._streams = False

    async def _text_for(self, who: BaseSynthesizer) -> str:
        await self._written()
        if who.streams_text or not says_something(self._ahead):
            return self._ahead
        while True:
            text, place = self._ahead.lstrip(), len(self._draft.text)
            whole = [part for part in Sentences().feed(text) if says_something(part)]
            if whole or self._draft.is_whole:
                end = text.index(whole[0]) + len(whole[0]) if whole else len(text)
                self._sentence, self._left, self._place = text[:end].strip(), text[end:], place
                return self._sentence
            if self._begins:
                return ""
            await self._draft.grown(place)

    async def _written(self) -> None:
        """Wait until there is something to say, or nothing more comes."""
        while not says_something(self._ahead) and not self._draft.is_whole:
            await self._draft.grown(len(self._draft.text))

    def _note(self, who: BaseSynthesizer, text: str) -> None:
        if who is not self._asked:
            self._counted = len(text)
        elif self._follows:
            self._count(len(text))
        self._follows, self._entered = False, len(text)
        super()._note(who, text)

    async def _speech(self, who: BaseSynthesizer, text: str) -> Take:
        if self._sentence is not None:
            return await super()._speech(who, text)
        self._given, self._all_given, self._streams = 0, False, True
        result = await who.create_streamed_speech(
            self._pieces(self._left, self._place), self._chunk_size
        )
        return Take(result, name_of(who), excused_until=lambda: self._draft.excused_until)

    async def _pieces(self, left: str, place: int) -> AsyncGenerator[str, None]:
        if left:
            self._given += len(left)
            yield left
        async for piece in self._draft.read(place):
            self._given += len(piece)
            yield piece
        self._all_given = True

    def _release(self) -> None:
        if self._sentence is None and self._asked is not None:
            if self._slot is not None and self._given > self._entered:
                self._slot.use(self._given - self._entered)
            if self._given > self._counted:
                self._count(self._given - self._counted)
                self._counted = self._given
        self._given = 0
        super()._release()

    def _count(self, characters: int) -> None:
        if self._asked is not None:
            name = name_of(self._asked)
            self._recorder.record(SynthesisContinued(characters, name, turn=self._turn))
