"""The conversation in, text out as it is written: Claude, by Anthropic's messages."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import anthropic
import httpx2
from anthropic.types import RawContentBlockDelta, RawMessageStreamEvent

from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import Tool, ToolCall
from bench.errors import BrokenStream, ProviderError
from bench.providers.connections import key_of, quoted, refused
from bench.providers.model_http import (
    closed,
    http_client,
    no_answer,
    reached,
    timeout_of,
    transport_failed,
    what_follows,
)
from bench.providers.spoken_part import CUT_OFF, SILENCE, SYSTEM_PROMPT
from bench.providers.thinking import anthropic_thinking

URL = "https://api.anthropic.com"
MODEL = "claude-haiku-5-5"
KEY_VARIABLE = "ANTHROPIC_API_KEY"
MAX_TOKENS = 1024  # of an answer; the service wants a bound …
MAX_TOKENS_THINKING = 8192  # … in which thoughts count
LOOK_AT = {401: KEY_VARIABLE, 403: KEY_VARIABLE, 404: "llm_model"}
THOUGHTS = ("thinking", "redacted_thinking")  # kinds of blocks
STATUS_OF = {
    "authentication_error": 401,
    "permission_error": 403,
    "billing_error": 402,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}
"""Errors in the middle of a stream, whose status is 200; whatever else they are is the server's."""


class AnthropicAgent(BaseAgent):
    """Claude behind Anthropic's messages.

    `agent_config` may hold `llm_model`, `llm_effort`, `system_prompt` and `anthropic_base_url`
    (with `/v1` or without).
    """

    provider = "anthropic"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        self.model = config.get("llm_model") or MODEL
        self.system_prompt = config.get("system_prompt") or SYSTEM_PROMPT
        address: str = config.get("anthropic_base_url") or URL
        self._url = address.rstrip("/").removesuffix("/v1")  # which the SDK adds
        self._thinking = anthropic_thinking(self.model, config.get("llm_effort"))
        self._key = key_of(config, KEY_VARIABLE, self.provider)
        self._http: httpx2.AsyncClient | None = None
        self._client: anthropic.AsyncAnthropic | None = None

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The model's answer as it writes it; closing the generator closes the request."""
        begun, reading = False, _Reading()
        try:
            async with await self._request() as stream:
                begun, events = True, aiter(stream)
                async for event in events:
                    if response := reading.read(event):
                        yield response
                    if event.type == "message_stop":
                        break
                else:
                    raise BrokenStream(self.provider, "the stream closed before the answer's end")
                await what_follows(events)
        except (anthropic.AnthropicError, httpx2.TransportError) as error:
            raise self._translated(error, begun=begun, spoke=reading.spoke) from None
        except (ValueError, AttributeError, TypeError, LookupError):
            raise BrokenStream(self.provider, "not an event of a message") from None
        if reading.is_empty and (nothing := no_answer(self, reading.stop_reason)):
            raise nothing

    async def warm_up(self) -> None:
        """Make the client, what the SDK puts off until it is used, and connect.

        Raises:
            ConnectFailed, Stalled: nobody is there.
        """
        _ = self._connected().messages
        await reached(self.provider, self._http, self._url, self._key)

    async def hang_up(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await closed(self._client.close())

    def _connected(self) -> anthropic.AsyncAnthropic:
        if self._client is None:
            self._http = http_client(self)
            self._client = anthropic.AsyncAnthropic(
                api_key=self._key.reveal(),
                base_url=self._url,
                max_retries=0,
                http_client=self._http,
            )
        return self._client

    async def _request(self) -> anthropic.AsyncStream[RawMessageStreamEvent]:
        messages = self.transcript.to_anthropic_messages(cut_off=CUT_OFF, silence=SILENCE)
        tools = [_tool(tool) for tool in self.tools]
        return await self._connected().messages.create(
            model=self.model,
            max_tokens=MAX_TOKENS_THINKING if "output_config" in self._thinking else MAX_TOKENS,
            system=self.system_prompt,
            messages=cast("Any", messages),
            tools=cast("Any", tools) if tools else anthropic.omit,
            stream=True,
            timeout=timeout_of(self),
            **self._thinking,
        )

    def _translated(self, error: Exception, *, begun: bool, spoke: bool) -> ProviderError:
        match error:
            case anthropic.APIStatusError(status_code=200):  # an event of the stream
                status, said = STATUS_OF.get(str(error.type), 500), f"{error.type}: {_said(error)}"
                if status >= 500 and spoke:
                    return BrokenStream(self.provider, quoted(said, self._key))
                return refused(self.provider, status, {}, said, self._key, look_at=LOOK_AT)
            case anthropic.APIStatusError():
                status, said, headers = error.status_code, _said(error), error.response.headers
                return refused(self.provider, status, headers, said, self._key, look_at=LOOK_AT)
            case anthropic.APIConnectionError(__cause__=Exception() as cause):
                return transport_failed(self.provider, cause, self._key, begun=begun)
            case httpx2.TransportError():  # in the middle of a stream, where the SDK lets it pass
                return transport_failed(self.provider, error, self._key, begun=begun)
            case _:
                return BrokenStream(self.provider, quoted(str(error), self._key))


class _Reading:
    """The events of one message, as they come."""

    def __init__(self) -> None:
        self.spoke = False
        self.stop_reason = ""
        self._usage = dict[str, int]()
        self._calls = dict[int, tuple[str, str, list[str]]]()  # id, name, fragments, by block
        self._thoughts = dict[int, dict[str, Any]]()  # whole blocks, which go back with a call

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a word nor a call."""
        return not self.spoke and not self._calls

    def read(self, event: RawMessageStreamEvent) -> GeneratedResponse | None:
        """What an event says, if anything: text, or at the end tools and what it all cost; one
        without either says that there is more to come.

        Raises:
            AttributeError, TypeError or LookupError: it has not the shape of one (the SDK does not
                look).
        """
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                block = event.content_block
                self._calls[event.index] = block.id, block.name, []
            case "content_block_start" if event.content_block.type in THOUGHTS:
                self._thoughts[event.index] = event.content_block.model_dump(exclude_none=True)
            case "content_block_delta" if event.delta.type == "text_delta":
                self.spoke = self.spoke or bool(event.delta.text)
                return GeneratedResponse(BaseMessage(event.delta.text))
            case "content_block_delta":
                self._add(event.index, event.delta)
                return GeneratedResponse(BaseMessage("")) if self.spoke else None
            case "message_delta":
                self._count(event.usage)
                self.stop_reason = event.delta.stop_reason or ""
                return self._end()
            case _:
                pass
        return None

    def _add(self, index: int, delta: RawContentBlockDelta) -> None:
        match delta.type:
            case "input_json_delta":
                self._calls[index][2].append(delta.partial_json)
            case "thinking_delta":
                self._thoughts[index]["thinking"] += delta.thinking
            case "signature_delta":
                self._thoughts[index]["signature"] = delta.signature
            case _:
                pass

    def _count(self, usage: anthropic.BaseModel) -> None:
        """Later counts replace earlier ones: they are cumulative."""
        counts = usage.model_dump(exclude_none=True)
        self._usage |= {name: count for name, count in counts.items() if isinstance(count, int)}

    def _end(self) -> GeneratedResponse:
        thoughts = [block for _, block in sorted(self._thoughts.items())]
        marks = itertools.chain([json.dumps(thoughts) if thoughts else ""], itertools.repeat(""))
        calls = tuple(
            ToolCall(id_, name, "".join(fragments) or "{}", next(marks))
            for id_, name, fragments in self._calls.values()
        )
        return GeneratedResponse(BaseMessage(""), usage=self._usage, tool_calls=calls)


def _said(error: anthropic.APIStatusError) -> str:
    """The vendor's words in the body of a refusal, where it has the usual shape."""
    return error.api_message or error.message


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool as the vendor is told of it."""
    schema = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {"name": tool.name, "description": tool.description, "input_schema": schema}
