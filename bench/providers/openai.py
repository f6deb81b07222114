"""The conversation in, text out as it is written: chat completions, of OpenAI or a like service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk

from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Stalled
from bench.providers.connections import (
    CONNECT_SECONDS,
    FIRST_RESULT_SECONDS,
    KEPT_OPEN_SECONDS,
    key_of,
    quoted,
    refused,
    tls,
)

MODEL = "gpt-4.1-mini"
SYSTEM_PROMPT = (
    "You speak with a caller on the telephone. Answer in one to three short sentences of plain "
    "spoken English, without lists or markup. A message of yours that ends in a dash was cut off: "
    "the caller heard that much of it and no more."
)
CUT_OFF = " –"  # ends a message of the bot's that was cut off


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
        begun = finished = False
        try:
            request = self._connected().chat.completions.create(
                model=self.model,
                messages=cast("Any", self._messages()),
                stream=True,
                stream_options={"include_usage": True},
            )
            async with await request as stream:
                begun = True
                async for chunk in stream:
                    response, ends = _read(chunk)
                    finished = finished or ends
                    if response is not None:
                        yield response
        except openai.OpenAIError as error:
            raise self._translated(error, begun=begun) from None
        except ValueError:
            raise BrokenStream(self.provider, "not a chunk of a chat completion") from None
        if not finished:
            raise BrokenStream(self.provider, "the stream closed before the answer was complete")

    async def warm_up(self) -> None:
        """Make the client."""
        self._connected()

    async def hang_up(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    def _connected(self) -> openai.AsyncOpenAI:
        if self._client is None:
            limits = httpx2.Limits(keepalive_expiry=KEPT_OPEN_SECONDS)
            # A read may wait as long as the first result; the engine times the pieces after it.
            timeout = httpx2.Timeout(FIRST_RESULT_SECONDS, connect=CONNECT_SECONDS)
            self._client = openai.AsyncOpenAI(
                api_key=self._key.reveal(),
                base_url=self._base_url,
                max_retries=0,
                http_client=httpx2.AsyncClient(verify=tls(), timeout=timeout, limits=limits),
                timeout=timeout,
            )
        return self._client

    def _messages(self) -> list[dict[str, str]]:
        """The history as it was heard, cut-off messages marked."""
        messages = self.transcript.to_openai_messages(self.system_prompt)
        spoken = [message for message in self.transcript.event_logs if message.text]
        for message, told in zip(spoken, messages[-len(spoken) :], strict=bool(spoken)):
            if message.interrupted:
                told["content"] += CUT_OFF
        return messages

    def _translated(self, error: openai.OpenAIError, *, begun: bool) -> ProviderError:
        match error:
            case openai.APIStatusError():
                said, headers = _said(error), error.response.headers
                return refused(self.provider, error.status_code, headers, said, self._key)
            case openai.APITimeoutError() if isinstance(error.__cause__, httpx2.ConnectTimeout):
                return ConnectFailed(self.provider, "no connection in time")
            case openai.APITimeoutError():
                return Stalled(self.provider, "no text in time")
            case openai.APIConnectionError() if not begun:
                return ConnectFailed(self.provider, _story(error))
            case _:
                return BrokenStream(self.provider, quoted(_story(error), self._key))


def _read(chunk: ChatCompletionChunk) -> tuple[GeneratedResponse | None, bool]:
    """What a chunk says, if anything, and whether the answer is complete with it.

    Raises:
        ValueError: it has not the shape of a chunk (the SDK does not look).
    """
    try:
        choice = chunk.choices[0] if chunk.choices else None
        text = (choice.delta.content or "") if choice is not None else ""
        ends = choice is not None and choice.finish_reason is not None
        counts = chunk.usage.model_dump(exclude_none=True) if chunk.usage is not None else {}
    except (AttributeError, TypeError, LookupError) as error:
        raise ValueError("not a chunk") from error
    usage = {name: count for name, count in counts.items() if isinstance(count, int)}
    if not text and not usage:
        return None, ends
    return GeneratedResponse(BaseMessage(text), usage=usage or None), ends


def _said(error: openai.APIStatusError) -> str:
    """The vendor's words in the body of a refusal, where it has the usual shape."""
    told = error.body.get("message") if isinstance(error.body, dict) else None
    return str(told or error.message)


def _story(error: openai.OpenAIError) -> str:
    cause = error.__cause__
    return f"{error} ({type(cause).__name__})" if cause is not None else str(error)
