"""Messages in, the script's answer out block by block: Anthropic's messages, spoken back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bench.emulators.answers import EVENTS, LanguageModel, Written, count, tokens, words
from bench.emulators.serving import Answer, Request
from bench.emulators.thinking import check_anthropic
from bench.simulation.context import Reply

KEY = "an-anthropic-key-for-emulators"
SIGNATURE = "signature-"
PATH, COUNT_PATH = "/v1/messages", "/v1/messages/count_tokens"
_NAMES: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "the request is not as it should be"),
    401: ("authentication_error", "invalid API key"),
    403: ("permission_error", "this key may not do that"),
    404: ("not_found_error", "there is nothing here"),
    413: ("request_too_large", "the request is too large"),
    429: ("rate_limit_error", "this request would exceed the rate limit"),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    529: ("overloaded_error", "Overloaded"),
}


class AnthropicEmulator(LanguageModel):
    """A server of `/v1/messages` and its `count_tokens`.

    The key comes as a bearer's or as `x-api-key`. With `thinks` there is a thought before a tool is
    called, which it wants back with the result.
    """

    usual_key = KEY
    malformed = b'event: content_block_delta\ndata: {"type": "content_bl\n\n'

    def __init__(
        self, replies: Sequence[Reply] = (), *, thinks: bool = False, **options: Any
    ) -> None:
        super().__init__(replies, **options)
        self._has_thoughts = thinks

    async def _answer(self, request: Request, answer: Answer) -> None:
        headers = request.headers
        shown = headers.get("x-api-key"), headers.get("authorization")
        if self.key != shown[0] and f"Bearer {self.key}" != shown[1]:
            answer.whole(401, self._error(401))
            return
        if request.method != "POST" or request.path not in (PATH, COUNT_PATH):
            answer.whole(404, self._error(404))
            return
        try:
            if "anthropic-version" not in headers:
                raise ValueError("anthropic-version: header is required")
            body = request.json()
            asked = count(body.get("system"), *(one["content"] for one in body["messages"]))
            if request.path == COUNT_PATH:
                answer.whole(200, {"input_tokens": asked})
                return
            check_anthropic(body)
            model, written = str(body["model"]), self._reply(body)
        except (ValueError, LookupError, TypeError) as error:
            answer.whole(400, self._error(400, str(error)))
            return
        self.requests.append(body)
        if await self._refused(answer):
            return
        if body.get("stream"):
            await self._stream(answer, model, written, asked)
        else:
            await self._thinks(written)
            answer.whole(200, self._message(model, written, asked))

    def _reply(self, body: Mapping[str, Any]) -> Written:
        """The answer to a request.

        Raises:
            ValueError: the roles do not alternate, or calls and results do not match.
        """
        if not isinstance(body["max_tokens"], int):
            raise ValueError("max_tokens: Input should be a valid integer")
        messages: list[dict[str, Any]] = body["messages"]
        _check(messages)
        if self._has_thoughts:
            _check_thoughts(messages)
        offered = [str(tool["name"]) for tool in body.get("tools") or ()]
        # The newest words may stand beside the results of tools that they came in the way of.
        asked = next((one for one in messages[::-1] if one["role"] == "user" and _says(one)), None)
        given = [_text(block) for block in _blocks(messages[-1], "tool_result")]
        answered = bool(given) and not _says(messages[-1])
        said = words(asked["content"]) if asked is not None else ""
        return self._written(body, said, offered, given if answered else None)

    async def _stream(self, answer: Answer, model: str, written: Written, asked: int) -> None:
        answer.begin(200, EVENTS)
        usage = {"input_tokens": asked, "output_tokens": 1}
        nothing: dict[str, Any] = {"content": [], "stop_reason": None, "usage": usage}
        begun = self._message(model, Written(""), asked) | nothing
        answer.write(_event("message_start", message=begun) + _event("ping"))
        pieces = _pieces(self._content(written), written)
        if not await self._writes(answer, pieces, written.weights):
            return
        stop = {"stop_reason": self._stop(written), "stop_sequence": None}
        if content := self._content(written):
            answer.write(_event("content_block_stop", index=len(content) - 1))
        answer.write(_event("message_delta", delta=stop, usage={"output_tokens": written.tokens}))
        answer.write(_event("message_stop"))
        await self._ends(answer)

    def _content(self, written: Written) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if self._has_thoughts and written.wishes:
            signature = f"{SIGNATURE}{len(self.requests)}"
            blocks.append({"type": "thinking", "thinking": "Hm.", "signature": signature})
        if written.text or not (written.wishes or self._ends_with):
            blocks.append({"type": "text", "text": written.text})
        for place, wish in enumerate(written.wishes):
            name, values = wish.name, json.loads(wish.arguments)
            id_ = f"toolu_{len(self.requests)}_{place}"
            blocks.append({"type": "tool_use", "id": id_, "name": name, "input": values})
        return blocks

    def _message(self, model: str, written: Written, asked: int) -> dict[str, Any]:
        return {
            "id": f"msg_{len(self.requests)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": self._content(written),
            "stop_reason": self._stop(written),
            "stop_sequence": None,
            "usage": {"input_tokens": asked, "output_tokens": written.tokens},
        }

    def _stop(self, written: Written) -> str:
        return self._ends_with or ("tool_use" if written.wishes else "end_turn")

    def _error(self, status: int, message: str = "", delay: float | None = None) -> dict[str, Any]:
        named, said = _NAMES.get(status, _NAMES[500])
        about = {"type": named, "message": message or said}
        return {"type": "error", "error": about, "request_id": f"req_{len(self.requests)}"}

    def _error_piece(self, named: str) -> bytes:
        said = next((said for name, said in _NAMES.values() if name == named), "Error")
        return _event("error", error={"type": named, "message": said})


def _pieces(content: Sequence[Mapping[str, Any]], written: Written) -> Iterator[bytes]:
    """The events of every block, a token a piece; all but the end of the last one."""
    wishes, before = iter(written.wishes), b""
    for index, block in enumerate(content):
        if block["type"] == "thinking":
            before += _thought(index, block)
            continue
        calls = block["type"] == "tool_use"
        empty: dict[str, Any] = {"input": {}} if calls else {"text": ""}
        start = {**block, **empty}
        before += _event("content_block_start", index=index, content_block=start)
        said = ["", *next(wishes).fragments] if calls else tokens(block["text"])
        kind, field = ("input_json_delta", "partial_json") if calls else ("text_delta", "text")
        for one in said:
            delta = {"type": kind, field: one}
            yield before + _event("content_block_delta", index=index, delta=delta)
            before = b""
        before += _event("content_block_stop", index=index)


def _thought(index: int, block: Mapping[str, Any]) -> bytes:
    empty = {"type": "thinking", "thinking": "", "signature": ""}
    said = {"type": "thinking_delta", "thinking": block["thinking"]}
    signed = {"type": "signature_delta", "signature": block["signature"]}
    return b"".join(
        (
            _event("content_block_start", index=index, content_block=empty),
            _event("content_block_delta", index=index, delta=said),
            _event("content_block_delta", index=index, delta=signed),
            _event("content_block_stop", index=index),
        )
    )


def _event(kind: str, **content: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n".encode()


def _blocks(message: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    content: object = message["content"]
    blocks = cast("list[dict[str, Any]]", content) if isinstance(content, list) else []
    return [block for block in blocks if block["type"] == kind]


def _says(message: Mapping[str, Any]) -> bool:
    return bool(words(message["content"]).strip())


def _text(block: Mapping[str, Any]) -> str:
    return words(block.get("content", ""))


def _check_thoughts(messages: Sequence[Mapping[str, Any]]) -> None:
    """Who called a tool since the user's newest words thought before, and nobody changed it.

    Raises:
        ValueError: the service would refuse.
    """
    newest = max(n for n, one in enumerate(messages) if one["role"] == "user" and _says(one))
    for place, message in enumerate(messages[newest:], newest):
        if not _blocks(message, "tool_use"):
            continue
        first: dict[str, Any] = message["content"][0]
        is_whole = first["type"] == "thinking" and first["thinking"] == "Hm."
        if not is_whole or not str(first["signature"]).startswith(SIGNATURE):
            raise ValueError(f"messages.{place}.content.0: Expected `thinking`")


def _check(messages: Sequence[Mapping[str, Any]]) -> None:
    """What the service looks at.

    Raises:
        ValueError: it would refuse.
    """
    roles = [message["role"] for message in messages]
    if roles[0] != "user":
        raise ValueError("messages: first message must use the 'user' role")
    if roles[-1] != "user":
        raise ValueError("messages: the conversation must end with a user message")
    wanted = set[str]()
    for place, message in enumerate(messages):
        if not words(message["content"]).strip() and isinstance(message["content"], str):
            raise ValueError(f"messages.{place}: all messages must have non-empty content")
        given = {str(block["tool_use_id"]) for block in _blocks(message, "tool_result")}
        if given != wanted:
            raise ValueError(f"messages.{place}: each 'tool_use' must have its 'tool_result' next")
        wanted = {str(block["id"]) for block in _blocks(message, "tool_use")}
