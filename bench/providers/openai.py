"""The conversation in, text out as it is written: chat completions, of OpenAI or a like service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDeltaToolCall

from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import Tool, ToolCall
from bench.errors import BrokenStream, ProviderError
from bench.providers.connections import key_of, quoted, refused
from bench.providers.model_http import (
    TIMEOUT,
    closed,
    http_client,
    transport_failed,
    what_follows,
)
from bench.providers.spoken_part import CUT_OFF, SYSTEM_PROMPT

MODEL = "gpt-4.1-mini"
STATUS_OF = {
    "invalid_api_key": 401,
    "invalid_request_error": 400,
    "model_not_found": 404,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
}
"""Errors in the middle of a stream, whose status is 200; whatever else they are is the server's."""


class OpenAIAgent(BaseAgent):
    """A language model behind OpenAI's chat completions.

    `agent_config` may hold `llm_model`, `system_prompt`, and `openai_base_url`: the address, with
    its `/v1`, of any service that speaks the same protocol.
    """

    provider = "openai"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        self.model = config.get("llm_model") or MODEL
        self.system_prompt = config.get("system_prompt") or SYSTEM_PROMPT
        self._base_url: str | None = config.get("openai_base_url")
        self._key = key_of(config, "OPENAI_API_KEY", self.provider)
        self._client: openai.AsyncOpenAI | None = None

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The model's answer as it writes it; closing the generator closes the request."""
        begun, reading = False, _Reading()
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

    async def warm_up(self) -> None:
        """Make the client, and what the SDK puts off until it is used."""
        _ = self._connected().chat.completions

    async def hang_up(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await closed(self._client.close())

    def _connected(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key=self._key.reveal(),
                base_url=self._base_url,
                max_retries=0,
                http_client=http_client(),
                timeout=TIMEOUT,
            )
        return self._client

    async def _request(self) -> openai.AsyncStream[ChatCompletionChunk]:
        messages = self.transcript.to_openai_messages(self.system_prompt, cut_off=CUT_OFF)
        tools = [_function(tool) for tool in self.tools]
        return await self._connected().chat.completions.create(
            model=self.model,
            messages=cast("Any", messages),
            tools=cast("Any", tools) if tools else openai.omit,
            stream=True,
            stream_options={"include_usage": True},
        )

    def _translated(self, error: openai.OpenAIError, *, begun: bool, spoke: bool) -> ProviderError:
        match error:
            case openai.APIStatusError():
                said, headers = _said(error), error.response.headers
                return refused(self.provider, error.status_code, headers, said, self._key)
            case openai.APIConnectionError(__cause__=Exception() as cause):
                return transport_failed(self.provider, cause, self._key, begun=begun)
            case openai.APIError() if not spoke and (named := error.code or error.type):
                status = STATUS_OF.get(named, 500)  # an event of the stream
                return refused(self.provider, status, {}, f"{named}: {error.message}", self._key)
            case _:
                return BrokenStream(self.provider, quoted(str(error), self._key))


class _Reading:
    """The chunks of one answer, as they come."""

    def __init__(self) -> None:
        self.spoke = self.ended = False
        self._calls = list[ToolCall]()
        self._places = dict[int, int]()  # in the list, by the vendor's index

    def read(self, chunk: ChatCompletionChunk) -> GeneratedResponse | None:
        """What a chunk says, if anything.

        Raises:
            ValueError: it has not the shape of a chunk (the SDK does not look).
        """
        try:
            text, counts = "", {}
            if chunk.usage is not None:
                counts = chunk.usage.model_dump(exclude_none=True)
            if chunk.choices:
                text = self._chosen(chunk.choices[0])
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError("not a chunk") from error
        usage = {name: count for name, count in counts.items() if isinstance(count, int)}
        # Counts alone wait for the end: an answer's first piece is what is heard first.
        if not text and not (usage and self.ended):
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
        for fragment in choice.delta.tool_calls or ():
            self._add(fragment)
        self.ended = self.ended or choice.finish_reason is not None
        self.spoke = self.spoke or bool(choice.delta.content)
        return choice.delta.content or ""

    def _add(self, fragment: ChoiceDeltaToolCall) -> None:
        """The first fragment of a call names it, the others go on with its arguments."""
        place = self._places.get(fragment.index)
        # A like service may give every call the same index: a new id then begins a new one.
        if place is None or fragment.id not in (None, "", self._calls[place].id):
            place = self._places[fragment.index] = len(self._calls)
            self._calls.append(ToolCall(fragment.id or f"call_{place}", "", ""))
        begun, function = self._calls[place], fragment.function
        if function is not None:
            name, arguments = function.name or "", function.arguments or ""
            self._calls[place] = replace(
                begun, name=begun.name + name, arguments=begun.arguments + arguments
            )


def _function(tool: Tool) -> dict[str, Any]:
    """A tool as the vendor is told of it."""
    about = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": about}


def _said(error: openai.APIStatusError) -> str:
    """The vendor's words in the body of a refusal, where it has the usual shape."""
    told = error.body.get("message") if isinstance(error.body, dict) else None
    return str(told or error.message)
