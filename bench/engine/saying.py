"""A sentence in, somebody who says it out: the tries at one piece of speech."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from bench import clock
from bench.engine.admission import Slot
from bench.engine.fallback import Attempts, Recorder, name_of
from bench.engine.sentences import says_something
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, ChunkResult, SynthesisResult
from bench.engine.takes import Take
from bench.errors import Stalled
from bench.events import SynthesisRequested


class Sentence:
    """One sentence and who says it, or the rest of it where somebody broke off.

    `recorder` is told of each request and failure; `on_take` of each piece of speech. A request has
    `seconds` to begin.
    """

    def __init__(
        self,
        text: str,
        synthesizer: BaseSynthesizer,
        recorder: Recorder,
        *,
        chunk_size: int,
        seconds: float,
        on_take: Callable[[SynthesisResult], None],
    ) -> None:
        self._text, self._turn = text, recorder.turn
        self._recorder, self._on_take = recorder, on_take
        self._chunk_size, self._seconds = chunk_size, seconds
        self._rate = synthesizer.sampling_rate
        self._attempts = Attempts(
            synthesizer, synthesizer.backup, recorder, self._turn, can_go_on=True
        )
        self._asked: BaseSynthesizer | None = None
        self._slot: Slot | None = None

    @property
    def asked(self) -> str:
        """The text that the newest take is to say."""
        return self._text

    async def begin(self) -> Take | None:
        """Speech of it; None, with a mark, when there is none to be had."""
        began_at = clock.now()
        try:
            return await self._take()
        except Exception as error:  # this answer fails, not the conversation
            self._recorder.failed(error, round(clock.now() - began_at, 6))
            return None

    async def go_on(
        self, error: Exception, after_seconds: float, left: str, *, begun: bool
    ) -> Take | None:
        """Speech of what is left after a failure; None when nobody is left to say it.

        Raises:
            Exception: somebody was, and failed too.
        """
        self._release()
        self._put_back(left)
        if not await self._attempts.go_on(error, after_seconds, begun=begun):
            return None
        return await self._take()

    async def more(self) -> Take | None:
        """Speech of what follows a take that came to its end; None when that was all."""
        return None

    def leave(self, *, done: bool) -> None:
        """Nothing more is wanted of it; `done`: it was said to its end."""
        if done and self._asked is not None:
            self._asked.worked = True
        self._release()

    def _put_back(self, left: str) -> None:
        """So much of the text that was asked for is left to say."""
        self._text = left

    async def _text_for(self, who: BaseSynthesizer) -> str:
        """The text to ask for; without a letter in it there is nothing to say."""
        return self._text

    def _note(self, who: BaseSynthesizer, text: str) -> None:
        if who is not self._asked:
            self._asked, who.sampling_rate = who, self._rate
            asked = SynthesisRequested(len(text), name_of(who), who.voice, turn=self._turn)
            self._recorder.record(asked)

    async def _speech(self, who: BaseSynthesizer, text: str) -> Take:
        result = await who.create_speech(BaseMessage(text), self._chunk_size)
        return Take(result, name_of(who))

    async def _take(self) -> Take:
        while True:
            who, asked, began_at = self._attempts.who, self._asked, clock.now()
            text = await self._text_for(who)
            if not says_something(text):
                return Take(SynthesisResult(_nothing(), lambda seconds: ""), name_of(asked or who))
            try:
                take = await self._create(who, text)
            except TimeoutError:
                waited = round(clock.now() - began_at, 6)
                error: Exception = Stalled(name_of(who), "no speech within the deadline", waited)
            except Exception as failure:
                error = failure
            else:
                self._on_take(take.result)
                return take
            self._release()
            self._put_back(self.asked)
            if not await self._attempts.go_on(error, round(clock.now() - began_at, 6)):
                raise error

    async def _create(self, who: BaseSynthesizer, text: str) -> Take:
        self._note(who, text)
        try:
            if who.account is not None:
                self._slot = await who.account.enter(len(text), self._seconds)
            async with clock.deadline(self._seconds):
                return await self._speech(who, text)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        if self._slot is not None:
            self._slot.leave()
            self._slot = None


async def _nothing() -> AsyncGenerator[ChunkResult, None]:
    yield ChunkResult(b"", True)
