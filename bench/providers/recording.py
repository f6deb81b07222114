"""A provider's part in, the same out, with everything that passes its seam on a cassette."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from typing import Any, cast

from bench import clock
from bench.audio import SAMPLE_RATE, samples_in
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, ChunkResult, SynthesisResult
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.transcript import Transcript
from bench.errors import ProviderError
from bench.providers.cassette import Answered, Cassette, Digest, Failure, Heard, Part, Spoke

LONGEST_SECONDS = 3600.0  # of one speech


def record(
    cassette: Cassette,
    transcriber: BaseTranscriber,
    agent: BaseAgent,
    synthesizer: BaseSynthesizer,
) -> None:
    """Keep what these three do, from now on, on a cassette.

    To be called before a conversation is made of them. Nothing that they do is changed, and no
    instant, but that a voice is given sentences, never a text that is still being written: a
    cassette has speech by its whole text. What a fallback does is not kept.
    """
    cassette.parts["transcriber"] = Part("transcriber", _name(transcriber))
    cassette.parts["agent"] = Part("agent", _name(agent), model=agent.model)
    cassette.parts["synthesizer"] = Part(
        "synthesizer", _name(synthesizer), voice=synthesizer.voice, rate=synthesizer.sampling_rate
    )
    _Ears(cassette, transcriber)
    _Mind(cassette, agent)
    _Mouth(cassette, synthesizer)


def digest_of(transcript: Transcript, human_input: str, *, is_interrupt: bool) -> str:
    """What an agent is asked: the words, and the history as it was heard."""
    digest = Digest()
    for message in transcript.event_logs:
        digest.add(f"{message.sender}\x1f{message.text}\x1f{message.interrupted}\x1e")
        for result in message.tools:
            digest.add(f"{result.call.name}\x1f{result.call.arguments}\x1f{result.text}\x1e")
    digest.add(f"{human_input}\x1f{is_interrupt}")
    return str(digest)


class _Ears:
    """Stands between a microphone and a transcriber, and between that and its queue."""

    def __init__(self, cassette: Cassette, transcriber: BaseTranscriber) -> None:
        self._cassette, self._part = cassette, transcriber
        self._sound, self._samples, self._at = Digest(), 0, 0.0
        self._send, self._put = transcriber.send_audio, transcriber.output_queue.put_nowait
        self._fail = transcriber.failed
        part = cast("Any", transcriber)
        part.send_audio, part.failed = self.send_audio, self.failed
        part.output_queue.put_nowait = self.put_nowait

    def send_audio(self, chunk: bytes) -> None:
        self._sound.add(bytes(len(chunk)) if self._part.is_muted else chunk)
        self._samples += samples_in(chunk)
        self._at = clock.now()
        if self._samples > self._cassette.most_seconds * SAMPLE_RATE:
            self._cassette.is_full = True
        self._send(chunk)

    def put_nowait(self, said: Transcription) -> None:
        words = [dataclasses.astuple(word) for word in said.words]
        fields = {name: getattr(said, name) for name in said.__slots__} | {"words": words}
        self._keep(said=fields)
        self._put(said)

    def failed(self, error: BaseException, after_seconds: float = 0.0) -> None:
        if isinstance(error, ProviderError):
            self._keep(failed=Failure.of(error))
        self._fail(error, after_seconds)

    def _keep(self, **what: Any) -> None:
        after = clock.now() - self._at if self._samples else 0.0
        self._cassette.keep(Heard(self._samples, str(self._sound), after, **what))


class _Mind:
    """Stands between a conversation and its agent."""

    def __init__(self, cassette: Cassette, agent: BaseAgent) -> None:
        self._cassette, self._agent, self._generate = cassette, agent, agent.generate_response
        cast("Any", agent).generate_response = self.generate_response

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        began_at = clock.now()
        asked = digest_of(self._agent.transcript, human_input, is_interrupt=is_interrupt)
        pieces = list[tuple[float, dict[str, Any]]]()
        end = dict[str, Any]()
        responses = self._generate(human_input, is_interrupt, conversation_id)
        try:
            async with contextlib.aclosing(responses):
                async for response in responses:
                    pieces.append((clock.now() - began_at, _told(response)))
                    yield response
            end["ended_seconds"] = clock.now() - began_at
        except ProviderError as error:
            end |= {"ended_seconds": clock.now() - began_at, "failed": Failure.of(error)}
            raise
        finally:
            self._cassette.keep(Answered(asked, human_input, pieces, **end))


class _Mouth:
    """Stands between a conversation and its voice."""

    def __init__(self, cassette: Cassette, synthesizer: BaseSynthesizer) -> None:
        self._cassette, self._synthesizer = cassette, synthesizer
        self._create = synthesizer.create_speech
        cast("Any", synthesizer).create_speech = self.create_speech
        synthesizer.streams_text = False

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        began_at, part = clock.now(), self._cassette.parts["synthesizer"]
        rate = self._synthesizer.sampling_rate
        self._cassette.parts["synthesizer"] = dataclasses.replace(part, rate=rate)
        result = await self._create(message, chunk_size)
        text, created = message.text, clock.now() - began_at
        chunks = self._chunks(Spoke(text, chunk_size, created_seconds=created), result, began_at)
        return SynthesisResult(chunks, result.get_message_up_to, result.estimated)

    async def _chunks(
        self, spoke: Spoke, result: SynthesisResult, began_at: float
    ) -> AsyncGenerator[ChunkResult, None]:
        came, pcm = list[tuple[float, int, int]](), bytearray()
        end = dict[str, Any]()
        chunks = result.chunk_generator
        try:
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    pcm += chunk.chunk
                    known = len(result.get_message_up_to(LONGEST_SECONDS).split())
                    came.append((clock.now() - began_at, len(chunk.chunk), known))
                    if chunk.is_last_chunk:  # nobody asks for more
                        end["ended_seconds"] = clock.now() - began_at
                    yield chunk
        except ProviderError as error:
            end |= {"ended_seconds": clock.now() - began_at, "failed": Failure.of(error)}
            raise
        finally:
            tape, words = self._cassette, _ends(result, self._rate)
            spoke = dataclasses.replace(spoke, begins=len(tape.speech), chunks=came, words=words)
            spoke = dataclasses.replace(spoke, estimated=result.estimated, **end)
            tape.keep(spoke, bytes(pcm))

    @property
    def _rate(self) -> int:
        return self._cassette.parts["synthesizer"].rate


def _ends(result: SynthesisResult, rate: int) -> list[tuple[str, int]]:
    """The words of a speech and the samples at which they have been heard, by asking."""
    words = result.get_message_up_to(LONGEST_SECONDS).split()
    ends, low = list[tuple[str, int]](), 0
    for number, word in enumerate(words, 1):
        high = round(LONGEST_SECONDS * rate)
        while low < high:
            middle = (low + high) // 2
            if len(result.get_message_up_to(middle / rate).split()) >= number:
                high = middle
            else:
                low = middle + 1
        ends.append((word, low))
    return ends


def _told(response: GeneratedResponse) -> dict[str, Any]:
    """The fields of a response that say something."""
    told: dict[str, Any] = {"text": response.message.text}
    if not response.is_interruptible:
        told["is_interruptible"] = False
    if response.ends_call:
        told["ends_call"] = True
    if response.usage:
        told["usage"] = dict(response.usage)
    if response.tool_calls:
        told["tool_calls"] = [dataclasses.asdict(call) for call in response.tool_calls]
    return told


def _name(part: BaseTranscriber | BaseAgent | BaseSynthesizer) -> str:
    return part.provider or type(part).__name__
