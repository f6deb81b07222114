"""The conversation in, text out as it is written: Gemini, by Google's newer SDK."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
from asyncio import Queue
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import ToolCall
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ProviderError, RateLimited, Rejected
from bench.providers.connections import HANG_UP_SECONDS, key_of, quoted, refused, tls
from bench.providers.gemini_contents import KEY_VARIABLE, MODEL, contents, declarations
from bench.providers.model_http import (
    closed,
    http_client,
    no_answer,
    reached,
    timeout_of,
    transport_failed,
    what_follows,
)
from bench.providers.spoken_part import SYSTEM_PROMPT
from bench.providers.thinking import gemini_thinking

URL = "https://generativelanguage.googleapis.com"
LOOK_AT = {400: f"{KEY_VARIABLE}, llm_model and llm_effort", 403: KEY_VARIABLE, 404: "llm_model"}
CHUNKS_AHEAD = 4096  # that nobody has read yet: more than an answer for the ear can have
UNSIGNED = b"skip_thought_signature_validator"
"""What the vendor's documentation wants for a call that another model made."""

Chunk = types.GenerateContentResponse


class GeminiAgent(BaseAgent):
    """Gemini behind Google's Gen AI SDK.

    `agent_config` may hold `llm_model`, `llm_effort`, `system_prompt` and `gemini_base_url` (with a
    version or without).
    """

    provider = "gemini"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        self.model = config.get("llm_model") or MODEL
        self.system_prompt = config.get("system_prompt") or SYSTEM_PROMPT
        self._url, self._version = _address(config.get("gemini_base_url") or URL)
        self.thinking = gemini_thinking(self.model, config.get("llm_effort"))
        self._key = key_of(config, KEY_VARIABLE, self.provider)
        self._client: genai.Client | None = None
        self._http: httpx2.AsyncClient | None = None
        self._called = _Called()

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The model's answer as it writes it; closing the generator closes the request."""
        reading = _Reading(self.provider, self._called)
        try:
            async with contextlib.aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    if response := reading.read(chunk):
                        yield response
                    if reading.ended:
                        break
                else:
                    raise BrokenStream(self.provider, "the stream closed before the answer's end")
                await what_follows(chunks)
        except (errors.APIError, httpx2.TransportError) as error:
            raise self._translated(error, begun=reading.begun, spoke=reading.spoke) from None
        except (ValueError, TypeError, AttributeError, LookupError):
            raise BrokenStream(self.provider, "not a piece of an answer") from None
        if not reading.spoke and (nothing := no_answer(self, reading.ended)):
            raise nothing

    async def warm_up(self) -> None:
        """Make the client, what the SDK puts off until it is used, and connect.

        Raises:
            ConnectFailed, Stalled: nobody is there.
        """
        _ = self._connected().aio.models
        for kind in (types.Content, types.GenerateContentConfig, Chunk):
            kind.model_rebuild()
        await reached(self.provider, self._http, self._url, self._key)

    async def hang_up(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await closed(self._http.aclose())

    async def _chunks(self) -> AsyncGenerator[Chunk, None]:
        """The SDK's chunks. Its stream is closed by nothing but a cancellation that meets it while
        it waits, so a task of its own does nothing else."""
        ahead = Queue[Chunk | Exception | None](CHUNKS_AHEAD + 2)  # one too many, and the end
        pump = spawn(self._pump(ahead), name="gemini's stream")
        try:
            while (chunk := await ahead.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            pump.cancel()
            await Ending([pump], seconds=HANG_UP_SECONDS)

    async def _pump(self, ahead: Queue[Chunk | Exception | None]) -> None:
        end: Exception | None = None
        try:
            async for chunk in await self._connected().aio.models.generate_content_stream(
                model=self.model, contents=_contents(self, self._called), config=_config(self)
            ):
                ahead.put_nowait(chunk)
                if ahead.qsize() > CHUNKS_AHEAD:
                    raise BrokenStream(self.provider, f"more than {CHUNKS_AHEAD} pieces")
        except Exception as error:  # whoever reads the queue raises it
            end = error
        ahead.put_nowait(end)

    def _connected(self) -> genai.Client:
        if self._client is None:
            self._http = http_client(self)
            self._http.event_hooks["request"].append(self._in_time)
            options = types.HttpOptions(
                base_url=self._url,
                api_version=self._version,  # None: the SDK's own choice
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,  # else aiohttp is used wherever it is installed
                # Else it makes TLS contexts for nobody, each for as long as a tenth of a second.
                httpx_client=httpx2.Client(verify=tls()),
                async_client_args={"ssl": tls()},
            )
            self._client = genai.Client(
                vertexai=False, api_key=self._key.reveal(), http_options=options
            )
        return self._client

    async def _in_time(self, request: httpx2.Request) -> None:
        """The SDK asks without any deadline of its own, and so without ours."""
        request.extensions["timeout"] = timeout_of(self).as_dict()

    def _translated(self, error: Exception, *, begun: bool, spoke: bool) -> ProviderError:
        if not isinstance(error, errors.APIError):
            return transport_failed(self.provider, error, self._key, begun=begun)
        said = str(error.message or error.status or "")
        if error.code >= 500 and spoke:
            return BrokenStream(self.provider, quoted(said, self._key))
        headers = dict(getattr(error.response, "headers", None) or {})
        failed = refused(self.provider, error.code, headers, said, self._key, look_at=LOOK_AT)
        if isinstance(failed, RateLimited) and failed.retry_after_seconds is None:
            failed.retry_after_seconds = _delay(error.details)
        return failed


class _Called:
    """The tools that this agent's model has wanted."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._ids = set[str]()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._ids

    def add(self, call: types.FunctionCall, signature: bytes) -> ToolCall:
        """A call, by an id of our own where the service gives none; its `mark` is the thought
        signature that goes back with it."""
        id_ = call.id or f"gemini-{next(self._numbers)}"
        self._ids.add(id_)
        mark = base64.b64encode(signature).decode()
        return ToolCall(id_, call.name or "", json.dumps(call.args or {}), mark)


class _Reading:
    """The chunks of one answer, as they come."""

    def __init__(self, provider: str, called: _Called) -> None:
        self._provider, self._called = provider, called
        self.begun = self.spoke = False
        self.ended = ""  # why

    def read(self, chunk: Chunk) -> GeneratedResponse | None:
        """What a chunk says, if anything.

        Raises:
            Rejected: the service will not have this conversation.
        """
        self.begun = True
        parts = list(_parts(chunk))
        text = "".join(part.text for part in parts if part.text and not part.thought)
        calls = tuple(
            self._called.add(part.function_call, part.thought_signature or b"")
            for part in parts
            if part.function_call is not None
        )
        self.spoke = self.spoke or bool(text or calls)
        self.ended = self._ends(chunk)
        if not text and not calls and not self.ended:
            return None
        counts = chunk.usage_metadata.model_dump() if chunk.usage_metadata is not None else {}
        usage = {name: count for name, count in counts.items() if isinstance(count, int)}
        return GeneratedResponse(BaseMessage(text), usage=usage or None, tool_calls=calls)

    def _ends(self, chunk: Chunk) -> str:
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            raise Rejected(self._provider, f"blocked: {feedback.block_reason.value}")
        reason = chunk.candidates[0].finish_reason if chunk.candidates else None
        return "" if reason is None else reason.value


def _contents(asking: BaseAgent, called: _Called) -> list[types.ContentUnion]:
    """The history; what the SDK takes for bytes is not base64 any more."""
    found = contents(asking.transcript)
    for content in found:
        parts = [part for part in content["parts"] if "function_call" in part]
        for part in parts:
            if "thought_signature" in part:
                part["thought_signature"] = base64.b64decode(part["thought_signature"])
        if parts and parts[0]["function_call"]["id"] not in called:
            parts[0]["thought_signature"] = UNSIGNED
    return [types.Content.model_validate(content) for content in found]


def _config(asking: GeminiAgent) -> types.GenerateContentConfig:
    functions = [
        types.FunctionDeclaration(
            name=one["name"],
            description=one["description"],
            parameters_json_schema=one["parameters"],
        )
        for one in declarations(asking.tools)
    ]
    return types.GenerateContentConfig(
        system_instruction=asking.system_prompt,
        tools=[types.Tool(function_declarations=functions)] if functions else None,
        thinking_config=types.ThinkingConfig(**asking.thinking) if asking.thinking else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _parts(chunk: Chunk) -> Iterator[types.Part]:
    content = chunk.candidates[0].content if chunk.candidates else None
    yield from (content.parts or () if content is not None else ())


def _address(url: str) -> tuple[str, str | None]:
    """An address and the version of the protocol that it ends with, if any."""
    found = re.fullmatch(r"(?P<address>.*?)(?:/(?P<version>v\d\w*))?/?", url)
    return (found["address"], found["version"]) if found is not None else (url, None)


def _delay(details: object) -> float | None:
    """After how many seconds to try again, where an error's body says so."""
    told = re.search(r"['\"]retryDelay['\"]: ['\"]([\d.]+)s['\"]", str(details))
    return float(told[1]) if told else None
