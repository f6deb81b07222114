"""The conversation in, text out as it is written: Gemini by google-generativeai, over gRPC."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# (google-generativeai is in the legacy environment alone)

from __future__ import annotations

import functools
import itertools
import json
import logging
import warnings
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.protobuf.json_format import MessageToDict
from grpc import aio

with warnings.catch_warnings():  # that its support has ended: `_tell_of_successor` says so
    warnings.simplefilter("ignore")
    from google.ai.generativelanguage import GenerativeServiceAsyncClient
    from google.ai.generativelanguage_v1beta.services.generative_service.transports import (
        GenerativeServiceGrpcAsyncIOTransport,
    )
    from google.generativeai import protos

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import ToolCall
from bench.errors import BrokenStream, ConnectFailed, Rejected
from bench.providers.connections import CONNECT_SECONDS, key_of
from bench.providers.gemini_contents import KEY_VARIABLE, contents, declarations
from bench.providers.google_channel import failure, options_of
from bench.providers.spoken_part import SYSTEM_PROMPT

MODEL = "gemini-2.5-flash"  # newer ones want thoughts back of which these messages know nothing
URL = "https://generativelanguage.googleapis.com"
ANSWER_SECONDS = 120.0  # for a whole answer; the engine times its pieces
ORDINARY_ENDS = ("STOP", "MAX_TOKENS")
logger = logging.getLogger(__name__)


class GeminiLegacyAgent(BaseAgent):
    """A Gemini model behind the messages and the gRPC client of google-generativeai.

    Its `GenerativeModel` is left out: its streams hold each piece back until the next one has come,
    and cannot be closed. `agent_config` may hold `llm_model`, `system_prompt` and
    `gemini_base_url`: the address of a server that speaks the same protocol, without TLS if http.
    """

    provider = "gemini"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        self.model = config.get("llm_model") or MODEL
        self.system_prompt = config.get("system_prompt") or SYSTEM_PROMPT
        self._url = urlsplit(config.get("gemini_base_url") or URL)
        self._key = key_of(config, KEY_VARIABLE, self.provider)
        self._channel: aio.Channel | None = None
        self._client: Any = None
        _tell_of_successor()

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The model's answer as it writes it; closing the generator closes the request."""
        call, answer = None, _Answer(self.provider)
        try:
            call = await self._called()
            while (response := await call.read()) is not aio.EOF:
                if (said := answer.read(response)) is not None:
                    yield said
            if calls := answer.finish():
                yield GeneratedResponse(BaseMessage(""), tool_calls=calls)
        except GoogleAPICallError as error:
            failed = failure(self.provider, error, self._key, begun=answer.begun)
            if isinstance(failed, ConnectFailed | BrokenStream):
                await self.hang_up()  # the next call is not to meet with the same
            raise failed from None
        finally:
            if call is not None:
                call.cancel()

    async def warm_up(self) -> None:
        """Make the client, and begin to connect."""
        self._connected()
        if self._channel is not None:
            self._channel.get_state(try_to_connect=True)

    async def hang_up(self) -> None:
        """Close the channel."""
        channel, self._channel, self._client = self._channel, None, None
        if channel is not None:
            await channel.close()

    async def _called(self) -> Any:
        """The call, once the request is on its way."""
        try:
            async with clock.deadline(CONNECT_SECONDS):
                return await self._connected().stream_generate_content(
                    self._request(),
                    retry=None,
                    timeout=ANSWER_SECONDS,
                    metadata=(("x-goog-api-key", self._key.reveal()),),
                )
        except TimeoutError:
            await self.hang_up()
            raise ConnectFailed(self.provider, "no connection in time") from None

    def _connected(self) -> Any:
        if self._client is None:
            self._channel = _channel(self._url)
            transport = GenerativeServiceGrpcAsyncIOTransport(channel=self._channel)
            self._client = GenerativeServiceAsyncClient(transport=transport)
        return self._client

    def _request(self) -> Any:
        tools = [_declaration(one) for one in declarations(self.tools)]
        return protos.GenerateContentRequest(
            model=self.model if "/" in self.model else f"models/{self.model}",
            contents=[protos.Content(one) for one in contents(self.transcript, bare=True)],
            system_instruction=protos.Content(parts=[protos.Part(text=self.system_prompt)]),
            tools=[protos.Tool(function_declarations=tools)] if tools else None,
        )


class _Answer:
    """What came of one answer."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self.begun = self._said = False
        self._end = ""
        self._calls: list[ToolCall] = []

    def read(self, response: Any) -> GeneratedResponse | None:
        """What a response says, if anything.

        Raises:
            Rejected: the model is not to answer this.
        """
        self.begun = True
        if response.prompt_feedback.block_reason:
            reason = response.prompt_feedback.block_reason.name
            raise Rejected(self._provider, f"the prompt was blocked: {reason}")
        text = ""
        for candidate in itertools.islice(response.candidates, 1):  # a slice has plain messages
            for part in candidate.content.parts:
                text += part.text
                if part.function_call.name:
                    self._calls.append(_call(part.function_call, len(self._calls)))
            if candidate.finish_reason:
                self._end = candidate.finish_reason.name
        usage = _usage(response)
        self._said = self._said or bool(text)
        if not text and not usage:
            return None
        return GeneratedResponse(BaseMessage(text), usage=usage or None)

    def finish(self) -> tuple[ToolCall, ...]:
        """The tools that are to be called, now that no response follows.

        Raises:
            BrokenStream: there is no answer, or no end of it.
        """
        if not self._end:
            raise BrokenStream(self._provider, "the stream closed before the answer was complete")
        if self._end not in ORDINARY_ENDS and not self._said and not self._calls:
            raise BrokenStream(self._provider, f"no answer: {self._end}")
        return tuple(self._calls)


@functools.cache
def _tell_of_successor() -> None:
    """Once in a process."""
    logger.warning(
        "google-generativeai, by which Gemini is asked here, is supported no more; its successor "
        "is google-genai: leave gemini_backend out, and install the extra gemini"
    )


def _channel(url: SplitResult) -> aio.Channel:
    """A channel to an address; it belongs to the running loop."""
    plain = url.scheme == "http"
    target, options = f"{url.hostname}:{url.port or (80 if plain else 443)}", options_of(plain)
    if plain:
        return aio.insecure_channel(target, options=options)
    return aio.secure_channel(target, grpc.ssl_channel_credentials(), options=options)


def _declaration(about: Mapping[str, Any]) -> Any:
    """A tool as the vendor is told of it; an object without properties would be refused."""
    told = {name: about[name] for name in ("name", "description")}
    if about["parameters"].get("properties"):
        told["parameters"] = _schema(about["parameters"])
    return protos.FunctionDeclaration(told)


def _schema(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema as far as the vendor's own form of one goes."""
    schema: dict[str, Any] = {"type_": str(wanted.get("type", "object")).upper()}
    for name in ("description", "enum", "required"):
        if wanted.get(name):
            schema[name] = wanted[name]
    if wanted.get("items"):
        schema["items"] = _schema(wanted["items"])
    if wanted.get("properties"):
        schema["properties"] = {name: _schema(one) for name, one in wanted["properties"].items()}
    return schema


def _call(wish: Any, place: int) -> ToolCall:
    """A tool that is to be called."""
    arguments = MessageToDict(type(wish).pb(wish)).get("args", {})
    return ToolCall(wish.id or f"call_{place}", wish.name, json.dumps(_whole(arguments)))


def _whole(value: Any) -> Any:
    """The same value; whole numbers, which come as fractions, are whole again."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case list():
            return [_whole(one) for one in value]
        case _:
            return value


def _usage(response: Any) -> dict[str, int]:
    """Counts of tokens by the vendor's names."""
    counts = MessageToDict(
        type(response).pb(response).usage_metadata, preserving_proto_field_name=True
    )
    return {name: int(count) for name, count in counts.items()}
