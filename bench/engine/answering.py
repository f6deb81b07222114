"""Text in, speech out: cuts the answer into sentences and has them synthesised ahead of time."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.agent import AgentResponse
from bench.engine.joins import measure_join
from bench.engine.saying import Sentence
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

ENDS = ".!?…"
CLOSERS = "\"'”’)]"
PASSES_TO_PLAY = 2  # of the loop, from a speech's announcement to its first sample
LONGEST_STOP = 4  # characters: a full stop, closers, a space
_STOP = re.compile(f"[{ENDS}][{re.escape(CLOSERS)}]{{0,2}}\\s")
ABBREVIATIONS = frozenset("mr mrs ms dr st vs e.g i.e etc approx dept prof sr jr".split())


class Sentences:
    """Text as it streams in, whole sentences out.

    A sentence ends at a full stop, question or exclamation mark that white space follows, unless
    the stop belongs to an abbreviation or an initial. Nothing waits for more than that one
    character.
    """

    def __init__(self) -> None:
        self._text = ""
        self._scanned: int = 0

    def feed(self, text: str) -> list[str]:
        """The sentences that `text` completes."""
        self._text = joined(self._text, text)
        whole: list[str] = []
        while (stop := _STOP.search(self._text, self._scanned)) is not None:
            end = stop.end() - 1
            if self._ends_before(end):
                whole.append(self._text[:end].strip())
                self._text, self._scanned = self._text[end:].lstrip(), 0
            else:
                self._scanned = end
        self._scanned = max(self._scanned, len(self._text) - LONGEST_STOP)
        return whole

    def flush(self) -> str:
        """What is left when no more text comes; may be empty."""
        rest, self._text, self._scanned = self._text.strip(), "", 0
        return rest

    def _ends_before(self, i: int) -> bool:
        head = self._text[:i].rstrip(CLOSERS)
        if not head or head[-1] not in ENDS:
            return False
        if head[-1] != ".":
            return True
        last = head.split()[-1].rstrip(".").lower()
        return last not in ABBREVIATIONS and not (len(last) == 1 and last.isalpha() and last != "i")


def joined(before: str, text: str) -> str:
    """Text appended as it comes; pieces that are whole sentences of their own get their space."""
    if before and text and before[-1] in ENDS and text[0].isupper():
        return f"{before} {text}"
    return before + text


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
        self.sentences = Sentences()
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
        buffered = self.worker.settings.response_mode == "buffered"
        whole, piece = "", self.first
        while not self.failed:
            self.spoken.ends_call = self.spoken.ends_call or piece.payload.ends_call
            if buffered:
                whole = joined(whole, piece.message.text)
            else:
                for sentence in self.sentences.feed(piece.message.text):
                    await self._say(sentence)
            if piece.is_last:
                await self._say(whole.strip() or self.sentences.flush())
                self.failed = self.failed or piece.failed
                return
            piece = await self.worker.next_piece(self.first)

    async def _say(self, sentence: str) -> None:
        if self.failed or not any(c.isalnum() for c in sentence):
            return
        turn, worker = self.first.turn, self.worker
        worker.record(SentenceReady(sentence, turn=turn))
        sayer = Sentence(
            sentence,
            self.synthesizer,
            worker,
            chunk_size=self.chunk_size,
            seconds=worker.settings.first_result_seconds,
            on_take=self._taken,
        )
        take = await sayer.begin()
        if take is None:
            self.failed = True
            return
        self.message.text = f"{self.message.text} {sentence}".lstrip()
        await self.speech.add(sentence, take.result, take.provider, sayer)
        if not self.announced:
            await self._announce()

    def _taken(self, result: SynthesisResult) -> None:
        self.spoken.result.estimated |= result.estimated

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
