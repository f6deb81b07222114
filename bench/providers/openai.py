"""The conversation in, text out as it is written: chat completions, of OpenAI or a like service."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai
import openai.resources.chat.chat  # which the SDK puts off until it is used, in the loop
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDeltaToolCall

from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import Tool, ToolCall
from bench.errors import BrokenStream, ProviderError
from bench.providers.connections import key_if_any, key_of, quoted, refused
from bench.providers.model_http import (
    closed,
    http_client,
    no_answer,
    reached,
    timeout_of,
    transport_failed,
    what_follows,
)
from bench.providers.spoken_part import CUT_OFF, SYSTEM_PROMPT
from bench.providers.thinking import Aloud, openai_effort

URL = "https://api.openai.com/v1"
MODEL = "gpt-4.1-mini"
KEY_VARIABLE = "OPENAI_API_KEY"
EXHAUSTED = "insufficient_quota"  # what an account is out of: the same as 429, and no wait ends it
STATUS_OF = {
    "invalid_api_key": 401,
    "invalid_request_error": 400,
    "model_not_found": 404,
    EXHAUSTED: 429,
    "rate_limit_exceeded": 429,
}
"""Errors in the middle of a stream, whose status is 200; whatever else they are is the server's."""


class OpenAIAgent(BaseAgent):
    """A language model behind OpenAI's chat completions.

    `agent_config` may hold `llm_model`, `llm_effort`, `system_prompt`, and `openai_base_url`: the
    address, with its `/v1`, of any service that speaks the same protocol, which may want no key.
    """

    provider = "openai"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        self.model = config.get("llm_model") or MODEL
        self.system_prompt = config.get("system_prompt") or SYSTEM_PROMPT
        own: str | None = config.get("openai_base_url")
        self._url = own or URL
        self._effort = openai_effort("" if own else self.model, config.get("llm_effort"))
        key = key_if_any(config, KEY_VARIABLE)
        self._key = key if key or own else key_of(config, KEY_VARIABLE, self.provider)
        self._look_at = {401: KEY_VARIABLE, 404: "llm_model"}
        if urlsplit(self._url).path in ("", "/"):
            self._look_at[404] = "openai_base_url, which most services want with /v1"
        self._wants_counts = True
        self._ids = itertools.count(1)  # of calls that a service gives none
        self._http: httpx2.AsyncClient | None = None
        self._client: openai.AsyncOpenAI | None = None

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The model's answer as it writes it; closing the generator closes the request."""
        begun, reading = False, _Reading(self._ids)
        try:
            async with await self._request() as stream:
                begun, chunks = True, aiter(stream)
                async for chunk in chunks:
                    if response := reading.read(chunk):
                        yield response
                    if reading.ended:
                        break
                else:
                    raise BrokenStream(self.provider, "the stream closed before the answer's end")
                for response in reading.ending(await what_follows(chunks)):
                    yield response
        except openai.OpenAIError as error:
            raise self._translated(error, begun=begun, spoke=reading.spoke) from None
        except ValueError:
            raise BrokenStream(self.provider, "not a chunk of a chat completion") from None
        if reading.is_empty and (nothing := no_answer(self, reading.ended)):
            raise nothing

    async def warm_up(self) -> None:
        """Make the client, what the SDK puts off until it is used, and connect.

        Raises:
            ConnectFailed, Stalled: nobody is there.
        """
        _ = self._connected().chat.completions
        await reached(self.provider, self._http, self._url, self._key)

    async def hang_up(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await closed(self._client.close())

    def _connected(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._http = http_client(self)
            self._client = openai.AsyncOpenAI(
                api_key=self._key.reveal() or "none",
                base_url=self._url,
                max_retries=0,
                http_client=self._http,
            )
        return self._client

    async def _request(self) -> openai.AsyncStream[ChatCompletionChunk]:
        messages = self.transcript.to_openai_messages(self.system_prompt, cut_off=CUT_OFF)
        tools = [_function(tool) for tool in self.tools]
        try:
            return await self._connected().chat.completions.create(
                model=self.model,
                messages=cast("Any", messages),
                tools=cast("Any", tools) if tools else openai.omit,
                reasoning_effort=cast("Any", self._effort) or openai.omit,
                stream=True,
                timeout=timeout_of(self),
                stream_options={"include_usage": True} if self._wants_counts else openai.omit,
            )
        except openai.APIStatusError as error:
            if not self._wants_counts or "stream_options" not in _said(error):
                raise
        self._wants_counts = False  # a like service that does not know of them
        return await self._request()

    def _translated(self, error: openai.OpenAIError, *, begun: bool, spoke: bool) -> ProviderError:
        match error:
            case openai.APIStatusError():
                status, said, headers = error.status_code, _said(error), error.response.headers
            case openai.APIConnectionError(__cause__=Exception() as cause):
                return transport_failed(self.provider, cause, self._key, begun=begun)
            case openai.APIError() if not spoke and (named := error.code or error.type):
                # An event of the stream; a like service's code is a status.
                status = int(named) if str(named).isdigit() else STATUS_OF.get(named, 500)
                said, headers = f"{named}: {error.message}", {}
            case _:
                return BrokenStream(self.provider, quoted(str(error), self._key))
        out = EXHAUSTED in (error.code, error.type)
        return refused(
            self.provider, status, headers, said, self._key, look_at=self._look_at, is_exhausted=out
        )


class _Reading:
    """The chunks of one answer, as they come; `ids` are for calls that come without."""

    def __init__(self, ids: Iterator[int]) -> None:
        self.spoke = False
        self.ended = ""  # why
        self._calls = list[ToolCall]()
        self._places = dict[int, int]()  # in the list, by the vendor's index
        self._ids, self._aloud = ids, Aloud()

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a word nor a call."""
        return not self.spoke and not self._calls

    def read(self, chunk: ChatCompletionChunk) -> GeneratedResponse | None:
        """What a chunk says, if anything; one without text says that there is more to come.

        Raises:
            ValueError: it has not the shape of a chunk (the SDK does not look).
        """
        try:
            text, counts, goes_on = "", {}, False
            if chunk.usage is not None:
                counts = chunk.usage.model_dump(exclude_none=True)
            if chunk.choices:
                text = self._chosen(chunk.choices[0])
                goes_on = self.spoke and bool(self._calls)
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError("not a chunk") from error
        usage = {name: count for name, count in counts.items() if isinstance(count, int)}
        # Counts alone wait for the end: an answer's first piece is what is heard first.
        if not text and not goes_on and not (usage and self.ended):
            return None
        return GeneratedResponse(BaseMessage(text), usage=usage or None)

    def ending(self, chunks: Iterable[ChatCompletionChunk]) -> list[GeneratedResponse]:
        """What there is to tell of a complete answer: its tools, and what it cost."""
        calls = tuple(self._calls)
        found = [GeneratedResponse(BaseMessage(""), tool_calls=calls)] if calls else []
        with contextlib.suppress(ValueError):
            found += [response for chunk in chunks if (response := self.read(chunk))]
        return found

    def _chosen(self, choice: Choice) -> str:
        self.ended = self.ended or choice.finish_reason or ""
        if choice.delta is None:  # as some like services end
            return ""
        for fragment in choice.delta.tool_calls or ():
            self._add(fragment)
        text = choice.delta.content or choice.delta.refusal or ""  # what it says instead
        if not isinstance(text, str):
            raise TypeError("want a text")
        text = self._aloud.feed(text)
        self.spoke = self.spoke or bool(text)
        return text

    def _add(self, fragment: ChoiceDeltaToolCall) -> None:
        """The first fragment of a call names it, the others go on with its arguments."""
        place, function = self._places.get(fragment.index), fragment.function
        if place is None or self._begins(fragment, self._calls[place]):
            place = self._places[fragment.index] = len(self._calls)
            self._calls.append(ToolCall(fragment.id or f"call_{next(self._ids)}", "", ""))
        begun = self._calls[place]
        if function is not None:
            name, arguments = begun.name or function.name or "", function.arguments or ""
            self._calls[place] = replace(begun, name=name, arguments=begun.arguments + arguments)

    def _begins(self, fragment: ChoiceDeltaToolCall, begun: ToolCall) -> bool:
        """Whether a fragment is of another call: a like service may give all the same index, with
        ids or without."""
        if fragment.id:
            return fragment.id != begun.id
        is_named = fragment.function is not None and bool(fragment.function.name)
        return is_named and bool(begun.arguments)


def _function(tool: Tool) -> dict[str, Any]:
    """A tool as the vendor is told of it."""
    schema = dict(tool.parameters) or {"type": "object", "properties": {}}
    about = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": about}


def _said(error: openai.APIStatusError) -> str:
    """The vendor's words in the body of a refusal, in any of the shapes that services have."""
    told = error.body
    for name in ("error", "message", "detail"):
        told = told.get(name) or told if isinstance(told, dict) else told
    return str(told or error.message)
