"""A conversation's providers in, the same out, with all that passes their seams on a cassette."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

from bench import clock
from bench.audio import SAMPLE_RATE, samples_in
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.conversation import StreamingConversation
from bench.engine.fallback import name_of
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.transcript import Transcript
from bench.errors import ProviderError
from bench.providers.cassette import (
    FALLBACK,
    Answered,
    Cassette,
    Digest,
    Failure,
    Heard,
    Part,
    since,
)
from bench.providers.recording_voice import RecordingVoice
from bench.providers.scrubbing import hidden

P = TypeVar("P", BaseTranscriber, BaseAgent, BaseSynthesizer)


def record(cassette: Cassette, conversation: StreamingConversation) -> None:
    """Keep what the providers of a conversation do, which has not begun, on a cassette: those it
    has, their backups, and the voices that it is changed to.

    Nothing that they do is changed, and no instant.
    """
    cassette.began_at = clock.now()
    _Ears(cassette, conversation.transcriber)
    for role, agent in _with_backup("agent", conversation.agent):
        cassette.parts[role] = Part(role, name_of(agent), model=agent.model)
        _Mind(cassette, role, agent)
    _keep_voice(cassette, conversation.synthesizer)
    change = conversation.change

    def changed(**settings: Any) -> None:
        change(**settings)
        if (voice := settings.get("synthesizer")) is not None:
            _keep_voice(cassette, voice)

    cast("Any", conversation).change = changed


def digest_of(
    cassette: Cassette, transcript: Transcript, human_input: str, *, is_interrupt: bool
) -> str:
    """What an agent is asked, without secrets: the words, and the history as it was heard."""
    asked = list[str]()
    for message in transcript.event_logs:
        asked.append(f"{message.sender}\x1f{message.text}\x1f{message.interrupted}\x1e")
        for result in message.tools:
            asked.append(f"{result.call.name}\x1f{result.call.arguments}\x1f{result.text}\x1e")
    asked.append(f"{human_input}\x1f{is_interrupt}")
    digest = Digest()
    digest.add(hidden("".join(asked), cassette.secrets))
    return str(digest)


class _Ears:
    """Stands between a microphone and a transcriber or its backup, and between these and their
    queue."""

    def __init__(self, cassette: Cassette, transcriber: BaseTranscriber) -> None:
        self._cassette, self._microphone = cassette, transcriber
        self._sound, self._samples = Digest(), 0
        self._at: float | None = None  # when the newest sample came, or listening began
        self._by = "transcriber"  # who listens now …
        self._own_id: str | None = None  # … and what they call an utterance
        part = cast("Any", transcriber)
        part.send_audio = functools.partial(self._hear, transcriber.send_audio)
        queue = part.output_queue
        queue.put_nowait = functools.partial(self._put, queue.put_nowait)
        for role, ears in _with_backup("transcriber", transcriber):
            cassette.parts[role] = Part(role, name_of(ears))
            part = cast("Any", ears)
            part.listen = functools.partial(self._listen, role, ears.listen)
            part.tell = functools.partial(self._tell, ears.tell)
            part.failed = functools.partial(self._failed, role, ears.failed)

    def _hear(self, send_audio: Callable[[bytes], None], chunk: bytes) -> None:
        self._sound.add(bytes(len(chunk)) if self._microphone.is_muted else chunk)
        self._samples += samples_in(chunk)
        self._at = clock.now()
        if self._samples > self._cassette.most_seconds * SAMPLE_RATE:
            self._cassette.is_full = True
        send_audio(chunk)

    async def _listen(self, role: str, listen: Callable[[], Awaitable[None]]) -> None:
        self._by = role
        if self._at is None:
            self._at = clock.now()
        await listen()

    async def _tell(
        self, tell: Callable[[Transcription], Awaitable[None]], said: Transcription
    ) -> None:
        self._own_id = said.utterance_id
        await tell(said)

    def _put(self, put_nowait: Callable[[Transcription], None], said: Transcription) -> None:
        fields = {name: getattr(said, name) for name in said.__slots__}
        fields["words"] = [dataclasses.astuple(word) for word in said.words]
        if self._own_id is not None:
            fields["utterance_id"], self._own_id = self._own_id, None
        self._keep(self._by, said=fields)
        put_nowait(said)

    def _failed(
        self,
        role: str,
        failed: Callable[[BaseException, float], None],
        error: BaseException,
        after_seconds: float = 0.0,
    ) -> None:
        if isinstance(error, ProviderError):
            self._keep(role, failed=Failure.of(error))
        failed(error, after_seconds)

    def _keep(self, by: str, **what: Any) -> None:
        after = 0.0 if self._at is None else since(self._at)
        self._cassette.keep(Heard(self._samples, str(self._sound), after, by=by, **what))


class _Mind:
    """Stands between a conversation and its agent, or its backup."""

    def __init__(self, cassette: Cassette, role: str, agent: BaseAgent) -> None:
        self._cassette, self._role, self._agent = cassette, role, agent
        self._generate = agent.generate_response
        cast("Any", agent).generate_response = self.generate_response

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        began_at, tape, history = clock.now(), self._cassette, self._agent.transcript
        asked = digest_of(tape, history, human_input, is_interrupt=is_interrupt)
        pieces = list[tuple[float, dict[str, Any]]]()
        answer = Answered(asked, human_input, pieces, by=self._role)
        tape.keep(answer)
        responses = self._generate(human_input, is_interrupt, conversation_id)
        try:
            async with contextlib.aclosing(responses):
                async for response in responses:
                    pieces.append((since(began_at), _told(response)))
                    yield response
            answer.whole = True
        except ProviderError as error:
            answer.failed = Failure.of(error)
            raise
        finally:
            answer.ended_seconds = since(began_at)


def _keep_voice(cassette: Cassette, synthesizer: BaseSynthesizer) -> None:
    for role, voice in _with_backup("synthesizer", synthesizer):
        part = Part(role, name_of(voice), voice=voice.voice)
        RecordingVoice(cassette, _place(cassette, part), voice)


def _place(cassette: Cassette, part: Part) -> str:
    """The role of a voice on a cassette, a numbered one where another voice has it."""
    role, number = part.role, 1
    while (there := cassette.parts.get(part.role)) is not None:
        if (there.provider, there.voice) == (part.provider, part.voice):
            return there.role
        number += 1
        name = f"{role.removesuffix(FALLBACK)}_{number}"
        part = dataclasses.replace(part, role=name + (FALLBACK if role.endswith(FALLBACK) else ""))
    cassette.parts[part.role] = part
    return part.role


def _with_backup(role: str, part: P) -> Iterator[tuple[str, P]]:
    yield role, part
    if part.backup is not None:
        yield f"{role}{FALLBACK}", part.backup


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
