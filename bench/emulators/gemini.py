"""Contents in, the script's answer out part by part: Gemini's generateContent, spoken back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bench.emulators.answers import EVENTS, LanguageModel, Written, count, tokens
from bench.emulators.serving import Answer, Request
from bench.emulators.thinking import check_gemini
from bench.simulation.context import Reply

KEY = "a-gemini-key-for-emulators"
UNPREFIXED = "UNPREFIXED"  # an error event that the stream tells outside of its own framing
SKIPPED = b"skip_thought_signature_validator"  # goes for the signature of another model's call
_PATH = re.compile(r"/v1(beta)?/models/(?P<model>[^/:]+):(?P<method>\w+)")
_NAMES: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    403: ("PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
    404: ("NOT_FOUND", "There is no such model or method."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded."),
}
_WRONG_KEY = "API key not valid. Please pass a valid API key."


@dataclass(frozen=True, slots=True)
class _Told:
    """The answer to the `number`-th request, of `asked` tokens, in the protocol's words."""

    model: str
    number: int
    asked: int

    def chunk(self, parts: list[dict[str, Any]], told: int, finish: str = "") -> dict[str, Any]:
        """A piece, with the tokens told so far; only the last has a reason to finish."""
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        usage = {
            "promptTokenCount": self.asked,
            "candidatesTokenCount": told,
            "totalTokenCount": self.asked + told,
        }
        about = {"modelVersion": self.model, "responseId": f"response-{self.number}"}
        return {"candidates": [candidate], "usageMetadata": usage, **about}


class GeminiEmulator(LanguageModel):
    """A server of `/v1/models/M:streamGenerateContent`, with `alt=sse` and without, and of the
    plain `generateContent` and `countTokens`; `/v1beta` is the same.

    `signs` has the first call of an answer carry a thought signature, and wants it back;
    `names_calls` gives calls an id, which the service may leave out.
    """

    usual_key = KEY
    malformed = b'data: {"candidates": [{"content": {"par\r\n\r\n'

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        signs: bool = True,
        names_calls: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(replies, **options)
        self._signs, self._names_calls = signs, names_calls
        self._signed = {SKIPPED}  # what goes for a signature

    async def _answer(self, request: Request, answer: Answer) -> None:
        shown = request.headers.get("x-goog-api-key", request.query.get("key"))
        asked = _PATH.fullmatch(request.path)
        if shown != self.key:  # the service calls it a bad request, not a stranger
            status, said = (403, "") if shown is None else (400, _WRONG_KEY)
            answer.whole(status, self._error(status, said))
        elif asked is None or request.method != "POST":
            answer.whole(404, self._error(404))
        else:
            await self._generate(request, answer, asked["model"], asked["method"])

    async def _generate(self, request: Request, answer: Answer, model: str, method: str) -> None:
        try:
            body = request.json()
            check_gemini(model, body)
            written = self._reply(body)
        except (ValueError, LookupError, TypeError) as error:
            answer.whole(400, self._error(400, str(error)))
            return
        asked = count(*_texts(body))
        if method == "countTokens":
            answer.whole(200, {"totalTokens": asked})
            return
        self.requests.append({**body, "model": model})
        if await self._refused(answer):
            return
        told = _Told(model, len(self.requests), asked)
        match method:
            case "streamGenerateContent":
                is_sse = request.query.get("alt") == "sse"
                await self._stream(answer, told, written, is_sse=is_sse)
            case "generateContent":
                await self._thinks(written)
                parts = [*_parts([written.text]), *self._calls(written)]
                answer.whole(200, told.chunk(parts, written.tokens, self._ends_with or "STOP"))
            case _:
                answer.whole(404, self._error(404))

    def _reply(self, body: Mapping[str, Any]) -> Written:
        """The answer to a request.

        Raises:
            ValueError: calls and results do not match, or a signature is missing.
        """
        contents: list[dict[str, Any]] = body["contents"]
        _check(contents)
        if self._signs:
            _check_signatures(contents, self._signed)
        given = [_given(part) for part in contents[-1]["parts"] if "functionResponse" in part]
        given = [] if _said(contents[-1]) else given  # the newest words came in their way
        said = [_said(content) for content in contents if content.get("role", "user") == "user"]
        asked = next((words for words in said[::-1] if words), "")
        offered = [
            str(function["name"])
            for tool in body.get("tools") or ()
            for function in tool.get("functionDeclarations") or ()
        ]
        return self._written(body, asked, offered, given or None)

    async def _stream(self, answer: Answer, told: _Told, written: Written, *, is_sse: bool) -> None:
        answer.begin(200, EVENTS if is_sse else EVENTS | {"content-type": "application/json"})
        parts = [*_parts(tokens(written.text)), *self._calls(written)]
        last = told.chunk(_parts([""]), written.tokens, self._ends_with or "STOP")
        so_far = accumulate(written.whole_calls)
        chunks = [told.chunk([part], weight) for part, weight in zip(parts, so_far, strict=True)]
        *pieces, end = _framed([*chunks, last], is_sse=is_sse)
        if await self._writes(answer, pieces, written.whole_calls):
            answer.write(end)
            await self._ends(answer)

    def _calls(self, written: Written) -> Iterator[dict[str, Any]]:
        for place, wish in enumerate(written.wishes):
            call = {"name": wish.name, "args": json.loads(wish.arguments)}
            if self._names_calls:
                call["id"] = f"function-call-{len(self.requests)}-{place}"
            part: dict[str, Any] = {"functionCall": call}
            if self._signs and not place:
                thought = b"\xfb\xff" + f"thought {len(self.requests)}".encode()
                self._signed.add(thought)
                part["thoughtSignature"] = base64.b64encode(thought).decode()
            yield part

    def _error(self, status: int, message: str = "", delay: float | None = None) -> dict[str, Any]:
        named, said = _NAMES.get(status, _NAMES[500])
        error: dict[str, Any] = {"code": status, "message": message or said, "status": named}
        if delay is not None:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            error["details"] = [{"@type": kind, "retryDelay": f"{delay:g}s"}]
        return {"error": error}

    def _error_piece(self, named: str) -> bytes:
        if named == UNPREFIXED:
            return json.dumps({"type": "error", **self._error(503)}).encode() + b"\n"
        status = next((code for code, (name, _) in _NAMES.items() if name == named), 500)
        return _event(self._error(status))


def _parts(texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"text": text} for text in texts]


def _event(content: object) -> bytes:
    return f"data: {json.dumps(content)}\r\n\r\n".encode()


def _framed(chunks: Sequence[object], *, is_sse: bool) -> Iterator[bytes]:
    """Chunks as events, or as the elements of one JSON array."""
    for number, chunk in enumerate(chunks):
        if is_sse:
            yield _event(chunk)
        else:
            end = "]" if number == len(chunks) - 1 else ""
            yield f"{',' if number else '['}{json.dumps(chunk)}\n{end}".encode()


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    instruction = body.get("systemInstruction")
    for content in [*([instruction] if instruction else []), *body["contents"]]:
        yield _said(content)


def _said(content: Mapping[str, Any]) -> str:
    return " ".join(part["text"] for part in content["parts"] if "text" in part).strip()


def _given(part: Mapping[str, Any]) -> str:
    outcome: dict[str, Any] = part["functionResponse"]["response"]
    return " ".join(str(value) for value in outcome.values())


def _names(content: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    found = [part[kind] for part in content["parts"] if kind in part]
    return [(str(one.get("id", "")), str(one["name"])) for one in found]


def _check(contents: Sequence[Mapping[str, Any]]) -> None:
    """Turns come as the service wants them.

    Raises:
        ValueError: it would refuse.
    """
    roles = [str(content.get("role", "user")) for content in contents]
    if roles != ["user" if place % 2 == 0 else "model" for place in range(len(roles))]:
        raise ValueError("Please ensure that turns alternate between user and model.")
    if roles[-1] != "user":
        raise ValueError("Please ensure that the last turn is the user's.")
    called = list[tuple[str, str]]()
    for content in contents:
        if _names(content, "functionResponse") != called:
            raise ValueError("A function response must come right after each function call.")
        called = _names(content, "functionCall")


def _check_signatures(contents: Sequence[Mapping[str, Any]], known: Collection[bytes]) -> None:
    """The first call of each answer carries what it came with.

    Raises:
        ValueError: the service would refuse.
    """
    for content in contents:
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first is None:
            continue
        if "thoughtSignature" not in first:
            raise ValueError("Function call is missing a thought_signature.")
        # Either alphabet of base64 goes for bytes.
        told = str(first["thoughtSignature"]).replace("+", "-").replace("/", "_")
        if base64.urlsafe_b64decode(told) not in known:
            raise ValueError("Thought signature is not valid.")
