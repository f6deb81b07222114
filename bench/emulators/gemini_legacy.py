"""Contents in, the script's answer out token by token: Gemini's gRPC service, spoken back."""

# pyright: basic, reportMissingImports=false
# (google-generativeai is in the legacy environment alone)

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.rpc.code_pb2 import Code

with warnings.catch_warnings():  # that its support has ended
    warnings.simplefilter("ignore")
    from google.generativeai import protos

from bench import clock
from bench.emulators.answers import AT_A_LOSS, RESULT, count, tokens
from bench.emulators.google_serving import Call, GoogleServer, refuse
from bench.emulators.serving import LOOPBACK
from bench.emulators.trouble import Trouble
from bench.simulation.context import Reply
from bench.simulation.faults import Fault

KEY = "a-gemini-key-for-emulators"
PATH = "google.ai.generativelanguage.v1beta.GenerativeService/StreamGenerateContent"
Response = Any
Request = dict[str, Any]


class GeminiLegacyEmulator:
    """A server of `GenerativeService/StreamGenerateContent`, version v1beta, over gRPC.

    It answers with the first of `replies` that fits the user's newest words; a reply with a tool
    has it called first, if the request offers it. `first` and `every` draw the seconds before the
    first token and before each further one; `ends_with` is the reason that ends an answer, which
    is empty unless it is "STOP", `blocks` why prompts are blocked. `requests` keeps what was asked
    with the vendor's names, `gone` the instants at which a client left an answer unfinished.
    """

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.3,
        every: Callable[[], float] = lambda: 0.02,
        ends_with: str = "STOP",
        blocks: str = "",
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
    ) -> None:
        self.replies, self.key = tuple(replies), key
        self.requests: list[Request] = []
        self.url = ""
        self._first, self._every = first, every
        self._ends_with, self._blocks = ends_with, blocks
        self._trouble = Trouble(faults, "llm", turn)
        self._server = GoogleServer(key, self._trouble)

    @property
    def gone(self) -> list[float]:
        """When clients left an answer unfinished."""
        return self._server.gone

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[GeminiLegacyEmulator, None]:
        """Serve until the block ends; `url` is its address, without TLS."""
        services = {PATH: (self._generate, protos.GenerateContentRequest)}
        async with self._server.serving(services, port):
            self.url = f"http://{LOOPBACK}:{self._server.port}"
            yield self

    async def _generate(self, requests: Any, call: Call) -> AsyncGenerator[Response, None]:
        request = await anext(aiter(requests))
        asked: Request = MessageToDict(type(request).pb(request), preserving_proto_field_name=True)
        self.requests.append(asked)
        contents: list[Request] = asked.get("contents", [])
        if not contents or contents[-1].get("role") != "user":
            await refuse(call, Code.INVALID_ARGUMENT, "Please ensure that the user speaks last.")
        if self._blocks:
            yield protos.GenerateContentResponse(prompt_feedback={"block_reason": self._blocks})
            return
        pieces = self._pieces(contents, _offered(asked)) if self._ends_with == "STOP" else []
        async for piece in self._written(pieces, call):
            yield _response(content={"role": "model", "parts": [piece]})
        end = _response(finish_reason=self._ends_with)
        end.usage_metadata = _usage(contents, len(pieces))
        yield end

    async def _written(
        self, pieces: Sequence[Request], call: Call
    ) -> AsyncGenerator[Request, None]:
        """The pieces of an answer, each when it is due."""
        slow = self._trouble.suffers(("slow",))
        factor = slow.factor if slow is not None else 1.0
        for number, piece in enumerate(pieces):
            if (fault := self._trouble.breaks(number, number + 1)) is not None:
                await self._server.suffer(call, fault)
            await clock.sleep(factor * (self._every() if number else self._first()))
            yield piece

    def _pieces(self, contents: Sequence[Request], offered: set[str]) -> list[Request]:
        """The answer's tokens, or the tool that is wanted."""
        asked, results = _newest(contents)
        reply = next((one for one in self.replies if one.fits(asked)), None)
        if reply is not None and reply.tool in offered and not results:
            arguments = json.loads(reply.arguments)
            return [{"function_call": {"name": reply.tool, "args": arguments}}]
        said = AT_A_LOSS if reply is None else reply.say.replace(RESULT, ", ".join(results))
        return [{"text": token} for token in tokens(said)]


def _newest(contents: Sequence[Request]) -> tuple[str, list[str]]:
    """The user's newest words, and what tools gave since."""
    results = list[str]()
    for content in reversed(contents):
        parts: list[Request] = content.get("parts", [])
        if content.get("role") != "user":
            continue
        if words := [part["text"] for part in parts if "text" in part]:
            return " ".join(words), results
        given = [part["function_response"]["response"] for part in parts]
        results = [str(value) for one in given for value in one.values()] + results
    return "", results


def _offered(asked: Request) -> set[str]:
    tools: list[Request] = asked.get("tools", [])
    return {one["name"] for tool in tools for one in tool.get("function_declarations", [])}


def _response(**candidate: Any) -> Response:
    return protos.GenerateContentResponse(candidates=[protos.Candidate(candidate)])


def _usage(contents: Sequence[Request], answered: int) -> dict[str, int]:
    asked = count(*(content.get("parts") for content in contents))
    return {
        "prompt_token_count": asked,
        "candidates_token_count": answered,
        "total_token_count": asked + answered,
    }
