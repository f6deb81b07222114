"""Messages in, the script's answer out token by token: OpenAI's chat completions, spoken back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench import clock
from bench.emulators.serving import LOOPBACK, Answer, Request, serving
from bench.emulators.trouble import Trouble, refuse, suffer
from bench.simulation.context import Reply
from bench.simulation.faults import Fault

KEY = "an-openai-key-for-emulators"
_TOKEN = re.compile(r"\s*\S+")
_EVENTS = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
_MALFORMED = b'data: {"id": "chatcmpl-0", "choices": [{"del\n\n'


class OpenAIEmulator:
    """A server of `/v1/chat/completions`.

    `replies` are tried in order on the user's newest words. `first` and `every` draw the seconds
    before the first token and before each further one. `requests` keeps the bodies it was sent,
    `gone` the instants at which a client hung up in the middle of an answer.
    """

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.3,
        every: Callable[[], float] = lambda: 0.02,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
    ) -> None:
        self.replies, self.key = tuple(replies), key
        self.requests: list[dict[str, Any]] = []
        self.gone: list[float] = []
        self.url = ""
        self._first, self._every = first, every
        self._trouble = Trouble(faults, "llm", turn)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[OpenAIEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with serving(self._handle, port) as port:
            self.url = f"http://{LOOPBACK}:{port}/v1"
            yield self

    async def _handle(self, request: Request, answer: Answer) -> None:
        try:
            await self._answer(request, answer)
        except asyncio.CancelledError:
            self.gone.append(clock.now())
            raise

    async def _answer(self, request: Request, answer: Answer) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            answer.whole(401, _error("Incorrect API key provided.", "invalid_api_key"))
            return
        if (request.method, request.path) != ("POST", "/v1/chat/completions"):
            answer.whole(404, _error(f"Unknown request: {request.path}", "unknown_url"))
            return
        try:
            body = request.json()
            messages, model = body["messages"], str(body["model"])
        except (ValueError, KeyError):
            answer.whole(400, _error("We could not parse the body of your request.", None))
            return
        self.requests.append(body)
        if (fault := self._trouble.begins()) is not None:
            await refuse(fault, answer, _REFUSALS)
            return
        text = self._reply(messages)
        usage = _usage(messages, text)
        if body.get("stream"):
            options: dict[str, Any] = body.get("stream_options") or {}
            wanted = usage if options.get("include_usage") else None
            await self._stream(answer, model, text, wanted)
        else:
            await clock.sleep(self._first() + sum(self._every() for _ in _TOKEN.findall(text)[1:]))
            answer.whole(200, self._completion(model, text, usage))

    def _reply(self, messages: Sequence[dict[str, Any]]) -> str:
        asked = [str(message["content"]) for message in messages if message["role"] == "user"]
        words = asked[-1] if asked else ""
        fitting = (reply.say for reply in self.replies if reply.fits(words))
        return next(fitting, "I am afraid I cannot say.")

    async def _stream(
        self, answer: Answer, model: str, text: str, usage: dict[str, int] | None
    ) -> None:
        answer.begin(200, _EVENTS)
        answer.write(self._chunk(model, {"role": "assistant", "content": ""}))
        slow = self._trouble.suffers(("slow",))
        factor = slow.factor if slow is not None else 1.0
        for number, token in enumerate(_TOKEN.findall(text)):
            fault = self._trouble.breaks(number, number + 1)
            if fault is not None and await suffer(fault, answer, _MALFORMED):
                return
            await clock.sleep(factor * (self._every() if number else self._first()))
            answer.write(self._chunk(model, {"content": token}))
        answer.write(self._chunk(model, {}, "stop"))
        if usage is not None:
            answer.write(_event({**self._about(model), "choices": [], "usage": usage}))
        answer.write(b"data: [DONE]\n\n")
        answer.end()

    def _about(self, model: str) -> dict[str, Any]:
        number, created = len(self.requests), int(clock.now())
        kind = "chat.completion.chunk"
        return {"id": f"chatcmpl-{number}", "object": kind, "created": created, "model": model}

    def _chunk(self, model: str, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**self._about(model), "choices": [choice]})

    def _completion(self, model: str, text: str, usage: dict[str, int]) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        about = {**self._about(model), "object": "chat.completion"}
        return {**about, "choices": [choice], "usage": usage}


def _event(content: object) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _error(message: str, code: str | None) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_REFUSALS = {
    429: _error("Rate limit reached for requests", "rate_limit_exceeded"),
    503: _error("The server is overloaded", "overloaded"),
}


def _usage(messages: Sequence[dict[str, Any]], text: str) -> dict[str, int]:
    asked = sum(len(_TOKEN.findall(str(message["content"]))) for message in messages)
    answered = len(_TOKEN.findall(text))
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }
