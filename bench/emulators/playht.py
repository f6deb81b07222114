"""Text in, tones out: Play.ht's speech over HTTP, spoken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from bench import clock
from bench.emulators.serving import Answer, HttpEmulator, Request
from bench.emulators.trouble import Trouble, refuse, suffer
from bench.emulators.voices import SPOILT, Voice, spoken_by, tones
from bench.simulation.faults import Fault

KEY = "a-playht-key-for-emulators"
MODELS = ("Play3.0-mini", "PlayDialog", "PlayDialogMultilingual", "PlayDialogArabic")
PIECE_SECONDS = 0.25
STREAM = "/tts/stream"
_TICKET = "a-ticket-of-the-playht-emulator"
_EXPIRES = "2099-01-01T00:00:00.000Z"
_HALF_A_SAMPLE = b"\x01"


class PlayHTEmulator(HttpEmulator):
    """A server of `/api/v4/sdk-auth`, which says where each model is, and of streams in PCM.

    `first` draws the seconds before the first quarter of a second, `factor` those before each
    further one as a share of its length. `requests` keeps the bodies of what was to be said,
    `asked` counts the questions where it is, `gone` keeps the instants at which a client hung up
    in the middle of an answer. Faults come to what is to be said.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.15,
        factor: Callable[[], float] = lambda: 0.2,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        voice: Voice = tones,
    ) -> None:
        super().__init__()
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.asked = 0
        self._first, self._factor = first, factor
        self._trouble = Trouble(faults, "tts", turn)
        self._voice = voice

    async def _answer(self, request: Request, answer: Answer) -> None:
        if (request.method, request.path) == ("POST", "/api/v4/sdk-auth"):
            self._tell_where(request, answer)
        elif (request.method, request.path) != ("POST", STREAM):
            answer.whole(404, _error("NOT_FOUND", "There is nothing here"))
        elif request.query.get("ticket") != _TICKET:
            answer.whole(401, _error("UNAUTHORIZED", "The address has expired"))
        elif (body := _body(request)) is None:
            answer.whole(400, _error("BAD_REQUEST", "text, voice and output_format pcm are wanted"))
        else:
            self.requests.append(body)
            if (fault := self._trouble.begins()) is not None:
                await refuse(fault, answer, _REFUSALS)
            else:
                await self._speak(body, answer)

    def _tell_where(self, request: Request, answer: Answer) -> None:
        """Streams need no key: who has their addresses may use them."""
        self.asked += 1
        headers = request.headers
        if headers.get("authorization") != f"Bearer {self.key}" or not headers.get("x-user-id"):
            answer.whole(401, _error("UNAUTHORIZED", "Your credentials are wrong"))
            return
        places = {
            "http_streaming_url": f"{self.url}{STREAM}?ticket={_TICKET}",
            "websocket_url": f"{self.url.replace('http', 'ws', 1)}/tts/ws?ticket={_TICKET}",
        }
        answer.whole(200, {"expires_at": _EXPIRES, **{model: places for model in MODELS}})

    async def _speak(self, body: dict[str, Any], answer: Answer) -> None:
        rate = int(body.get("sample_rate") or 24_000)
        spoilt = self._trouble.suffers(SPOILT)
        pcm = (await spoken_by(self._voice, " ".join(body["text"]), rate, spoilt)).pcm
        answer.begin(200, {"content-type": "audio/pcm", "transfer-encoding": "chunked"})
        slow = self._trouble.suffers(("slow",))
        delay, before = slow.factor if slow else 1.0, self._trouble.spoken(len(pcm) / (2 * rate))
        size = round(PIECE_SECONDS * rate) * 2
        for start in range(0, len(pcm), size):
            piece = pcm[start : start + size]
            at, seconds = before + start / (2 * rate), len(piece) / (2 * rate)
            fault = self._trouble.breaks(at, at + seconds)
            if fault is not None and await suffer(fault, answer, _HALF_A_SAMPLE):
                return
            await clock.sleep(delay * (self._factor() * seconds if start else self._first()))
            answer.write(piece)
        answer.end()


def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = request.json()
    except (ValueError, json.JSONDecodeError):
        return None
    fits = isinstance(body.get("text"), list) and body.get("voice")
    known = body.get("voice_engine") in MODELS and body.get("output_format") == "pcm"
    return body if fits and known else None


def _error(identifier: str, message: str) -> dict[str, str]:
    return {"error_id": identifier, "error_message": message}


_REFUSALS = {
    429: _error("TOO_MANY_REQUESTS", "Too many requests at a time"),
    503: _error("SERVICE_UNAVAILABLE", "Try again later"),
}
