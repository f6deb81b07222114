"""Messages in, the script's answer out token by token: OpenAI's chat completions, spoken back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench import clock
from bench.emulators.answers import EVENTS, LanguageModel, Written, count, tokens, words
from bench.emulators.serving import Answer, Request
from bench.emulators.thinking import check_openai

KEY = "an-openai-key-for-emulators"
MODELS = ("gpt-4.1-mini", "gpt-4.1", "gpt-4o-mini")
_ERRORS: Mapping[int, tuple[str, str | None]] = {
    400: ("We could not parse the body of your request.", None),
    401: ("Incorrect API key provided.", "invalid_api_key"),
    404: ("Unknown request URL.", "unknown_url"),
    429: ("Rate limit reached for requests", "rate_limit_exceeded"),
    503: ("The server is overloaded", "overloaded"),
}


class OpenAIEmulator(LanguageModel):
    """A server of `/v1/chat/completions` and `/v1/models`."""

    usual_key = KEY
    base_path = "/v1"
    malformed = b'data: {"id": "chatcmpl-0", "choices": [{"del\n\n'

    async def _answer(self, request: Request, answer: Answer) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            answer.whole(401, self._error(401))
            return
        match request.method, request.path:
            case "GET", "/v1/models":
                answer.whole(200, _models())
            case "POST", "/v1/chat/completions":
                await self._complete(request, answer)
            case _:
                answer.whole(404, self._error(404))

    async def _complete(self, request: Request, answer: Answer) -> None:
        try:
            body = request.json()
            model = str(body["model"])
            check_openai(body)
            written = self._reply(body)
        except (ValueError, LookupError, TypeError) as error:
            said = str(error) if type(error) is ValueError else ""
            answer.whole(400, self._error(400, said))
            return
        self.requests.append(body)
        if await self._refused(answer):
            return
        usage = _usage(body["messages"], written)
        if body.get("stream"):
            options: dict[str, Any] = body.get("stream_options") or {}
            wanted = usage if options.get("include_usage") else None
            await self._stream(answer, model, written, wanted)
        else:
            await self._thinks(written)
            answer.whole(200, self._completion(model, written, usage))

    def _reply(self, body: Mapping[str, Any]) -> Written:
        """The answer to a request.

        Raises:
            ValueError: a call of a tool's has no result, or a result no call.
        """
        messages: list[dict[str, Any]] = body["messages"]
        _check_results(messages)
        roles = [message["role"] for message in messages]
        newest = len(roles) - roles[::-1].index("user") if "user" in roles else 0
        asked = words(messages[newest - 1]["content"]) if newest else ""
        results = [words(one["content"]) for one in messages[newest:] if one["role"] == "tool"]
        offered = [str(tool["function"]["name"]) for tool in body.get("tools") or ()]
        return self._written(body, asked, offered, results or None)

    async def _stream(
        self, answer: Answer, model: str, written: Written, usage: dict[str, int] | None
    ) -> None:
        answer.begin(200, EVENTS)
        answer.write(self._chunk(model, {"role": "assistant", "content": ""}))
        if not await self._writes(answer, self._pieces(model, written), written.weights):
            return
        answer.write(self._chunk(model, {}, self._finish(written)))
        if usage is not None:
            answer.write(_event({**self._about(model), "choices": [], "usage": usage}))
        answer.write(b"data: [DONE]\n\n")
        await self._ends(answer)

    def _pieces(self, model: str, written: Written) -> Iterator[bytes]:
        for token in tokens(written.text):
            yield self._chunk(model, {"content": token})
        for place, call in enumerate(self._calls(written)):
            named = {"name": call["function"]["name"], "arguments": ""}
            yield self._chunk(model, {"tool_calls": [{**call, "index": place, "function": named}]})
            for fragment in written.wishes[place].fragments:
                part = {"index": place, "function": {"arguments": fragment}}
                yield self._chunk(model, {"tool_calls": [part]})

    def _calls(self, written: Written) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{len(self.requests)}_{place}",
                "type": "function",
                "function": {"name": wish.name, "arguments": wish.arguments},
            }
            for place, wish in enumerate(written.wishes)
        ]

    def _about(self, model: str) -> dict[str, Any]:
        number, created = len(self.requests), int(clock.now())
        kind = "chat.completion.chunk"
        return {"id": f"chatcmpl-{number}", "object": kind, "created": created, "model": model}

    def _chunk(self, model: str, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**self._about(model), "choices": [choice]})

    def _completion(self, model: str, written: Written, usage: dict[str, int]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": written.text, "refusal": None}
        if written.wishes:
            message |= {"content": written.text or None, "tool_calls": self._calls(written)}
        finish = self._finish(written)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        about = {**self._about(model), "object": "chat.completion"}
        return {**about, "choices": [choice], "usage": usage}

    def _finish(self, written: Written) -> str:
        return self._ends_with or ("tool_calls" if written.wishes else "stop")

    def _error(self, status: int, message: str = "", delay: float | None = None) -> dict[str, Any]:
        usual, code = _ERRORS.get(status, ("The server had an error", None))
        kind = "server_error" if status >= 500 else "invalid_request_error"
        said = message or usual
        return {"error": {"message": said, "type": kind, "param": None, "code": code}}

    def _error_piece(self, named: str) -> bytes:
        error = {"message": "The server had an error", "type": named, "param": None, "code": None}
        return _event({"error": error})


def _models() -> dict[str, Any]:
    about = {"object": "model", "created": 1_744_316_542, "owned_by": "system"}
    return {"object": "list", "data": [{"id": name, **about} for name in MODELS]}


def _event(content: object) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _usage(messages: Sequence[dict[str, Any]], written: Written) -> dict[str, int]:
    asked = count(*(message.get("content") for message in messages))
    return {
        "prompt_tokens": asked,
        "completion_tokens": written.tokens,
        "total_tokens": asked + written.tokens,
    }


def _check_results(messages: Sequence[Mapping[str, Any]]) -> None:
    """Every call is answered right after it, and nothing else is.

    Raises:
        ValueError: it is not so.
    """
    open_calls = list[str]()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise ValueError("a message with role 'tool' must follow its 'tool_calls'")
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            break
        open_calls = [str(call["id"]) for call in message.get("tool_calls") or ()]
    if open_calls:
        raise ValueError(f"no tool message responds to these 'tool_call_id's: {open_calls}")
