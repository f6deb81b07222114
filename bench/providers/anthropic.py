"""The conversation in, text out as it is written: Claude, by Anthropic's messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import anthropic
import httpx2
from anthropic.types import RawMessageStreamEvent

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
from bench.providers.spoken_part import CUT_OFF, SILENCE, SYSTEM_PROMPT

MODEL = "claude-haiku-5-5"
MAX_TOKENS = 1024  # of an answer; the service wants a bound
STATUS_OF = {
    "authentication_error": 401,
    "permission_error": 403,
    "billing_error": 402,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
}
"""Errors in the middle of a stream, whose status is 200; whatever else they are is the server's."""


class AnthropicAgent(BaseAgent):
    """Claude behind Anthropic's messages.

    `agent_config` may hold `llm_model`, `system_prompt` and `anthropic_base_url` (without `/v1`).
    """

    provider = "anthropic"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        self.model = config.get("llm_model") or MODEL
        self.system_prompt = config.get("system_prompt") or SYSTEM_PROMPT
        self._base_url: str | None = config.get("anthropic_base_url")
        self._key = key_of(config, "ANTHROPIC_API_KEY", self.provider)
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

    async def warm_up(self) -> None:
        """Make the client, and what the SDK puts off until it is used."""
        _ = self._connected().messages

    async def hang_up(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await closed(self._client.close())

    def _connected(self) -> anthropic.AsyncAnthropic:
        if self._client is None:
            self._client = anthropic.AsyncAnthropic(
                api_key=self._key.reveal(),
                base_url=self._base_url,
                max_retries=0,
                http_client=http_client(),
                timeout=TIMEOUT,
            )
        return self._client

    async def _request(self) -> anthropic.AsyncStream[RawMessageStreamEvent]:
        messages = self.transcript.to_anthropic_messages(cut_off=CUT_OFF, silence=SILENCE)
        tools = [_tool(tool) for tool in self.tools]
        return await self._connected().messages.create(
            model=self.model,
            max_tokens=MAX_TOKENS,
            system=self.system_prompt,
            messages=cast("Any", messages),
            tools=cast("Any", tools) if tools else anthropic.omit,
            stream=True,
        )

    def _translated(self, error: Exception, *, begun: bool, spoke: bool) -> ProviderError:
        match error:
            case anthropic.APIStatusError(status_code=200):  # an event of the stream
                status, said = STATUS_OF.get(str(error.type), 500), f"{error.type}: {_said(error)}"
                if status == 500 and spoke:
                    return BrokenStream(self.provider, quoted(said, self._key))
                return refused(self.provider, status, {}, said, self._key)
            case anthropic.APIStatusError():
                status, headers = error.status_code, error.response.headers
                return refused(self.provider, status, headers, _said(error), self._key)
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
        self._usage = dict[str, int]()
        self._calls = dict[int, tuple[str, str, list[str]]]()  # id, name, fragments, by block

    def read(self, event: RawMessageStreamEvent) -> GeneratedResponse | None:
        """What an event says, if anything: text, or at the end tools and what it all cost.

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
            case "content_block_delta" if event.delta.type == "text_delta":
                self.spoke = True
                return GeneratedResponse(BaseMessage(event.delta.text))
            case "content_block_delta" if event.delta.type == "input_json_delta":
                self._calls[event.index][2].append(event.delta.partial_json)
            case "message_delta":
                self._count(event.usage)
                return self._end()
            case _:
                pass
        return None

    def _count(self, usage: anthropic.BaseModel) -> None:
        """Later counts replace earlier ones: they are cumulative."""
        counts = usage.model_dump(exclude_none=True)
        self._usage |= {name: count for name, count in counts.items() if isinstance(count, int)}

    def _end(self) -> GeneratedResponse:
        calls = tuple(
            ToolCall(id_, name, "".join(fragments) or "{}")
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
