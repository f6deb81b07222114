"""A case in, its emulator and its adapter at work out, and afterwards nothing of either."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench import clock
from bench.engine.agent import BaseAgent, TranscriptionAgentInput
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, ChunkResult, Speech
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import BaseWorker
from bench.errors import ProviderError
from bench.events import Word
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.case import Case
from tests.contracts.ends import nothing_left
from tests.contracts.sound import FRAME

STAGES = {"transcriber": "stt", "llm": "llm", "voice": "tts"}
FRAME_SECONDS = 0.02
HASTE = 8.0  # times real time, on the wall clock: an emulator goes by the length of the audio
FIRST_RESULT_SECONDS, STALL_SECONDS = 8.0, 3.0  # as a conversation has them unless told otherwise
CHUNK = 640  # bytes of speech
QUICK = {"first": lambda: 0.05, "factor": lambda: 0.05}  # a voice that is not waited for
LATE_SECONDS = 5.0  # that the wall clock allows; how long it takes is for `make bench` to say
NOTICE_SECONDS = 1.0  # until a second notice would have come
TEXT = "Yes, we are open from nine to five."
QUESTION = "When are you open?"
REPLIES = (Reply("open", "We are open from nine to five."), Reply("*", "Yes."))
ANSWER = REPLIES[0].say
# Places are whole tenths of a second: the coarsest that a vendor tells.
FIRST = (Word("When", 8000, 11_200), Word("are", 12_800, 14_400), Word("you", 14_400, 16_000),
         Word("open?", 16_000, 24_000))  # fmt: skip
SECOND = (Word("Thank", 51_200, 54_400), Word("you.", 54_400, 57_600))
SPOKEN_SECONDS = 5.5  # until all of it is said and known


async def noticed(case: Case, gone: list[float], at: float) -> None:
    """The server saw the client go, which it did at an instant: at once in virtual time, and
    once."""
    while not gone and not case.virtual and clock.now() < at + LATE_SECONDS:
        await clock.sleep(0.01)
    await clock.sleep(NOTICE_SECONDS if case.virtual else 0.05)
    assert len(gone) == 1
    assert gone[0] - at == pytest.approx(0.0, abs=1e-6 if case.virtual else LATE_SECONDS)


def said() -> TruthFeed:
    """Two utterances, at 0.5 and at 3.2 s of the microphone."""
    feed = TruthFeed()
    feed.say("one", FIRST)
    feed.say("two", SECOND)
    return feed


def fault(case: Case, kind: str, **options: Any) -> Fault:
    """A fault of the case's stage."""
    return Fault(STAGES[case.role], kind, **options)


def midway(case: Case) -> dict[str, Any]:
    """The point of a fault in the middle of a result."""
    points = {"transcriber": ("after_partial", 2), "llm": ("after_tokens", 3)}
    return dict([points.get(case.role, ("after_audio_seconds", 0.5))])


def errors_of(worker: BaseWorker) -> list[BaseException]:
    """The failures of a worker, as it tells of them."""
    told, tell = list[BaseException](), worker.failed

    def failed(error: BaseException, after_seconds: float = 0.0) -> None:
        told.append(error)
        tell(error, after_seconds)

    worker.failed = failed
    return told


@asynccontextmanager
async def listening(
    case: Case, *, key: str | None = None, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[Any, BaseTranscriber]]:
    """An emulator that hears what is `said`, and a transcriber that was started."""
    feed = said()
    async with (
        nothing_left(virtual=case.virtual, warm=case.virtual),
        case.make_emulator(feed, **emulator).serving() as server,
    ):
        listener = case.make_adapter(server.url, key=key, **(config or {}))
        listener.trace = Trace()
        feed.begins = lambda: listener.intake.begins
        listener.start()
        try:
            yield server, listener
        finally:
            await hung_up(case, listener)


async def hung_up(case: Case, listener: BaseTranscriber) -> None:
    """End it, which takes a second at most."""
    began = clock.now()
    await listener.terminate()
    assert clock.now() - began <= (1.0 if case.virtual else 2.0)


async def microphone(
    case: Case, listener: BaseTranscriber, seconds: float, *, haste: float | None = None
) -> None:
    """Sound, frame by frame: an emulator knows by its length what is said in it."""
    pace = haste or (1.0 if case.virtual else HASTE)
    began = clock.now()
    for number in range(round(seconds / FRAME_SECONDS)):
        await clock.sleep_until(began + (number + 1) * FRAME_SECONDS / pace)
        listener.send_audio(FRAME)
    if not case.virtual:
        await clock.sleep(0.05)  # for what is under way


def heard(listener: BaseTranscriber) -> list[Transcription]:
    """What it told since it was last asked."""
    queue = listener.output_queue
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def heard_in_time(
    case: Case, listener: BaseTranscriber, last: str = "you", *, final: bool = True
) -> list[Transcription]:
    """What it told; on the wall clock, where a busy machine is late, until a word has come."""
    said, until = heard(listener), clock.now() + LATE_SECONDS
    while not case.virtual and clock.now() < until:
        if any(last in plain(one.message) and one.is_final >= final for one in said):
            break
        await clock.sleep(0.01)
        said += heard(listener)
    return said


def places(words: Sequence[Word]) -> list[tuple[str, int, int]]:
    """Words as plain text, and where they lie."""
    return [(plain(word.text), word.start_sample, word.end_sample) for word in words]


def plain(text: str) -> str:
    """Without capitals and punctuation, which vendors add late or not at all."""
    return "".join(c for c in text.lower() if c.isalnum() or c.isspace())


@asynccontextmanager
async def answering(
    case: Case,
    replies: Sequence[Reply] = REPLIES,
    *,
    key: str | None = None,
    config: dict[str, Any] | None = None,
    **emulator: Any,
) -> AsyncGenerator[tuple[Any, BaseAgent]]:
    """An emulator with these replies, and an agent that was started."""
    async with (
        nothing_left(virtual=case.virtual, warm=case.virtual),
        case.make_emulator(replies, **emulator).serving() as server,
    ):
        agent = case.make_adapter(server.url, key=key, **(config or {}))
        agent.trace = Trace()
        agent.start()
        try:
            yield server, agent
        finally:
            await agent.terminate()


async def asked(agent: BaseAgent, text: str = QUESTION) -> list[str]:
    """The pieces of an answer that have text."""
    agent.input_queue.put_nowait(TranscriptionAgentInput(Transcription(text)))
    pieces = list[str]()
    while not (piece := await agent.output_queue.get()).is_last:
        pieces.append(piece.message.text)
    return [piece for piece in pieces if piece]


@asynccontextmanager
async def speaking(
    case: Case, *, key: str | None = None, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[Any, BaseSynthesizer]]:
    """An emulator and a voice."""
    async with (
        nothing_left(virtual=case.virtual, warm=case.virtual),
        case.make_emulator(**({} if case.virtual else QUICK) | emulator).serving() as server,
    ):
        voice = case.make_adapter(server.url, key=key, **(config or {}))
        try:
            yield server, voice
        finally:
            await voice.terminate()


async def spoken(voice: BaseSynthesizer, text: str = TEXT) -> list[tuple[float, ChunkResult]]:
    """The chunks of a text, each with its instant."""
    result = await voice.create_speech(BaseMessage(text), CHUNK)
    return [(clock.now(), chunk) async for chunk in result.chunk_generator]


def speech_of(voice: BaseSynthesizer) -> Speech:
    """Where a conversation would put a voice's audio, with its deadlines."""
    return Speech(
        voice.sampling_rate, CHUNK, first_seconds=FIRST_RESULT_SECONDS, stall_seconds=STALL_SECONDS
    )


async def said_aloud(voice: BaseSynthesizer, text: str = TEXT) -> Exception | None:
    """Let a voice say a text as in a conversation; why there is less of it than there should be."""
    speech = speech_of(voice)
    try:
        result = await voice.create_speech(BaseMessage(text), CHUNK)
        await speech.add(text, result, voice.provider)
        await speech.end()
    except ProviderError as error:
        return error
    finally:
        await speech.close()
    return speech.parts[0].error
