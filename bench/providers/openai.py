"""The conversation in, text out as it is written: chat completions, of OpenAI or a like service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

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
        begun, calls = False, _Calls(self.provider)
        try:
            async with await self._request() as stream:
                begun, chunks = True, aiter(stream)
                async for chunk in chunks:
                    response, ends = _read(chunk, calls)
                    if response is not None:
                        yield response
                    if ends:
                        break
                else:
                    raise BrokenStream(self.provider, "the stream closed before the answer's end")
                for response in _ending(await what_follows(chunks), calls):
                    yield response
        except openai.OpenAIError as error:
            raise self._translated(error, begun=begun) from None
        except ValueError:
            raise BrokenStream(self.provider, "not a chunk of a chat completion") from None

    async def warm_up(self) -> None:
        """Make the client."""
        self._connected()

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

    def _translated(self, error: openai.OpenAIError, *, begun: bool) -> ProviderError:
        match error:
            case openai.APIStatusError():
                said, headers = _said(error), error.response.headers
                return refused(self.provider, error.status_code, headers, said, self._key)
            case openai.APIConnectionError(__cause__=Exception() as cause):
                return transport_failed(self.provider, cause, self._key, begun=begun)
            case _:  # an error in the middle of the stream
                return BrokenStream(self.provider, quoted(str(error), self._key))


class _Calls:
    """Calls of tools, put together from the fragments in which they come."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._calls = list[ToolCall]()
        self._places = dict[int, int]()  # in the list, by the vendor's index

    @property
    def made(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls)

    def add(self, fragment: ChoiceDeltaToolCall) -> None:
        """A fragment: the first of a call names it, the others go on with its arguments."""
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


def _read(chunk: ChatCompletionChunk, calls: _Calls) -> tuple[GeneratedResponse | None, bool]:
    """What a chunk says, if anything, and whether the answer is complete with it.

    Raises:
        ValueError: it has not the shape of a chunk (the SDK does not look).
    """
    try:
        choice = chunk.choices[0] if chunk.choices else None
        text = (choice.delta.content or "") if choice is not None else ""
        ends = choice is not None and choice.finish_reason is not None
        for fragment in (choice.delta.tool_calls or ()) if choice is not None else ():
            calls.add(fragment)
        counts = chunk.usage.model_dump(exclude_none=True) if chunk.usage is not None else {}
    except (AttributeError, TypeError, LookupError) as error:
        raise ValueError("not a chunk") from error
    usage = {name: count for name, count in counts.items() if isinstance(count, int)}
    if not text and (not usage or (choice is not None and not ends)):
        return None, ends  # usage alone waits for the end: the first piece is what is heard first
    return GeneratedResponse(BaseMessage(text), usage=usage or None), ends


def _ending(chunks: Iterable[ChatCompletionChunk], calls: _Calls) -> list[GeneratedResponse]:
    """What there is to tell once the answer is complete: its tools, and what it cost."""
    found = [GeneratedResponse(BaseMessage(""), tool_calls=calls.made)] if calls.made else []
    with contextlib.suppress(ValueError):
        found += [response for chunk in chunks if (response := _read(chunk, calls)[0])]
    return found


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
