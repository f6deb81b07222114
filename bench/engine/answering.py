"""Text in, speech out: cuts the answer into sentences and has them synthesised ahead of time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.agent import AgentResponse
from bench.engine.dictating import Dictation
from bench.engine.drafts import Draft
from bench.engine.fallback import name_of
from bench.engine.joins import measure_join
from bench.engine.saying import Sentence
from bench.engine.sentences import Sentences, joined, says_something
from bench.engine.settings import ConversationSettings
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    Speech,
    SynthesisResult,
)
from bench.engine.takes import Part
from bench.engine.worker import InterruptibleEvent, InterruptibleWorker
from bench.events import (
    FirstAudio,
    JoinMeasured,
    SentenceReady,
    SynthesisFinished,
)

PASSES_TO_PLAY = 2  # of the loop, from a speech's announcement to its first sample

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Spoken:
    """An answer for the loudspeaker; `message.text` grows while the answer is still being made."""

    message: BaseMessage
    result: SynthesisResult
    answer: AgentResponse  # its first piece
    turn: int = 0
    ends_call: bool = False
    is_apology: bool = False


class SpeechEvent(InterruptibleEvent[Spoken]):
    """An answer that plays or waits to."""


class AgentResponsesWorker(InterruptibleWorker):
    """Takes the pieces of answers, puts one `SpeechEvent` an answer.

    One answer is one piece of work: it begins with the answer's first piece and reads on until the
    last.
    """

    def __init__(
        self,
        input_queue: asyncio.Queue[Any],
        output_queue: asyncio.Queue[Any],
        synthesizer: BaseSynthesizer,
        settings: ConversationSettings,
    ) -> None:
        super().__init__(input_queue, output_queue)
        self.synthesizer = synthesizer
        self.settings = settings
        self.on_speech: Callable[[SpeechEvent], None] | None = None
        self.on_failure: Callable[[AgentResponse], None] | None = None  # given its first piece
        self._aside: deque[AgentResponse] = deque()  # other answers' pieces, met while reading one
        self._told_of: BaseSynthesizer | None = None  # whose want of a mode was told

    async def process(self, item: AgentResponse) -> None:
        """Speak the answer that begins with `item`."""
        if item.first is not item:
            return  # the rest of an answer that was called off
        self.turn = item.turn
        answer = _Speaking(self, item)
        try:
            await answer.speak()
        finally:
            await answer.speech.close()

    @property
    def mode(self) -> str:
        """How answers go to the voice; one that cannot take tokens gets sentences, and the log
        says so, once."""
        voice, mode = self.synthesizer, self.settings.response_mode
        if mode != "tokens" or voice.streams_text:
            return mode
        if voice is not self._told_of:
            self._told_of = voice
            told = "%s takes no text that is still being written: it speaks sentence by sentence"
            logger.warning(told, name_of(voice))
        return "streaming"

    async def next_piece(self, first: AgentResponse) -> AgentResponse:
        """The next piece of the answer that `first` began; pieces of other answers wait."""
        while (piece := await self.input_queue.get()).first is not first:
            if piece.is_interrupted():
                piece.done()
            else:
                self._aside.append(piece)
        return piece

    async def _run_loop(self) -> None:
        while True:
            aside = self._aside
            await self._work_on(aside.popleft() if aside else await self.input_queue.get())


class _How(TypedDict):
    chunk_size: int
    seconds: float
    on_take: Callable[[SynthesisResult], None]


class _Speaking:
    """One answer on its way from text to speech."""

    def __init__(self, worker: AgentResponsesWorker, first: AgentResponse) -> None:
        settings = worker.settings
        self.worker, self.first = worker, first
        self.synthesizer = worker.synthesizer
        rate = self.synthesizer.sampling_rate
        self.chunk_size = round(settings.chunk_seconds * rate) * SAMPLE_WIDTH
        self.speech = Speech(
            rate,
            self.chunk_size,
            first_seconds=settings.first_result_seconds,
            stall_seconds=settings.stall_seconds,
        )
        self.speech.on_audio = self._audio_began
        self.speech.on_part = self._part_arrived
        if settings.measure_joins:
            self.speech.on_join = self._measure
        self.mode = worker.mode
        self.sentences = Sentences()
        self.whole = ""  # of the text, when buffered
        self.draft = Draft()  # of the text, when it goes on token by token …
        self.part: Part | None = None  # … and then its one part
        self.message = BaseMessage("")
        self.spoken = Spoken(
            self.message, self.speech.joined(), first, first.turn, is_apology=first.is_apology
        )
        self.announced = self.failed = False

    async def speak(self) -> None:
        """Read the answer to its end, handing over sentences as they are whole; one that cannot be
        read or said ends there."""
        try:
            await self._read()
            if self.spoken.ends_call and not self.announced:
                await self._say(self.worker.settings.goodbye)
            if self.spoken.ends_call and not self.announced and not self.failed:
                await self._announce()  # nothing to say: the call ends all the same
        except Exception as error:  # what was handed over is still heard
            self.worker.failed(error)
            self.failed = True
        if self.announced:
            await self.speech.end()
        if self.failed and self.worker.on_failure is not None:
            self.worker.on_failure(self.first)

    async def _read(self) -> None:
        modes = {"buffered": self._keep, "tokens": self._write}
        take, piece = modes.get(self.mode, self._cut), self.first
        while not self.failed:
            self.spoken.ends_call = self.spoken.ends_call or piece.payload.ends_call
            await take(piece.message.text)
            if piece.is_last:
                await self._end()
                self.failed = self.failed or piece.failed
                return
            piece = await self.worker.next_piece(self.first)

    async def _keep(self, text: str) -> None:
        """Buffered: nothing is said before all is there."""
        self.whole = joined(self.whole, text)

    async def _cut(self, text: str) -> None:
        """Streaming: say the sentences that are whole."""
        for sentence in self.sentences.feed(text):
            await self._say(sentence)

    async def _write(self, text: str) -> None:
        """Tokens: somebody says the text while it is being written."""
        for sentence in self.sentences.feed(text):
            self._ready(sentence)
        self.draft.add(text)
        self.message.text = self.draft.text.strip()
        if self.part is None and says_something(self.message.text):
            await self._dictate()
        await self.draft.room()

    async def _end(self) -> None:
        """No more text comes."""
        rest = self.whole.strip() or self.sentences.flush()
        if self.part is None:
            await self._say(rest)
            return
        if says_something(rest):
            self._ready(rest)
        self.part.text = self.message.text
        self.draft.end()

    async def _dictate(self) -> None:
        sayer = Dictation(self.draft, self.synthesizer, self.worker, **self._how())
        take = await sayer.begin()
        if take is None:
            self.failed = True
            return
        self.part = await self.speech.add_take(self.message.text, take, sayer)
        await self._announce()

    async def _say(self, sentence: str) -> None:
        if self.failed or not says_something(sentence):
            return
        self._ready(sentence)
        sayer = Sentence(sentence, self.synthesizer, self.worker, **self._how())
        take = await sayer.begin()
        if take is None:
            self.failed = True
            return
        self.message.text = f"{self.message.text} {sentence}".lstrip()
        await self.speech.add_take(sentence, take, sayer)
        if not self.announced:
            await self._announce()

    def _how(self) -> _How:
        seconds = self.worker.settings.first_result_seconds
        return {"chunk_size": self.chunk_size, "seconds": seconds, "on_take": self._taken}

    def _ready(self, sentence: str) -> None:
        if says_something(sentence):
            self.worker.record(SentenceReady(sentence, turn=self.first.turn))

    def _taken(self, result: SynthesisResult) -> None:
        self.spoken.result.made_of.append(result)

    async def _announce(self) -> None:
        """Put the speech on its way as soon as it has a beginning."""
        self.announced = True
        event = SpeechEvent(self.spoken, self.first.is_interruptible)
        event.turn = self.first.turn
        if self.worker.on_speech is not None:
            self.worker.on_speech(event)
        await self.worker.output_queue.put(event)
        for _ in range(PASSES_TO_PLAY):
            await clock.sleep(0)  # who plays goes before who reads on

    def _audio_began(self) -> None:
        self.worker.record(FirstAudio(self.speech.parts[0].provider, turn=self.first.turn))

    def _part_arrived(self, part: Part) -> None:
        if part.error is None:
            fact = SynthesisFinished(part.samples, part.provider, turn=self.first.turn)
            self.worker.record(fact)

    def _measure(self, at_sample: int, before: bytes, after: bytes) -> None:
        level, pitch = measure_join(before, after, self.speech.rate)
        self.worker.record(JoinMeasured(at_sample, level, pitch, turn=self.first.turn))
