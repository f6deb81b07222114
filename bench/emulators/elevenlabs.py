"""Text in, tones and the time of every character out: ElevenLabs' speech, spoken back."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from bench import clock
from bench.emulators.serving import Answer, HttpEmulator, Request
from bench.emulators.timed_pieces import Characters, Piece, timed_pieces
from bench.emulators.trouble import Trouble, refuse, suffer
from bench.emulators.voices import SPOILT, Voice, tones
from bench.simulation.faults import Fault

if TYPE_CHECKING:
    from bench.emulators.mp3 import Encoder

KEY = "an-elevenlabs-key-for-emulators"
RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
USUAL_FORMAT = "mp3_44100_128"
MP3_THERE = importlib.util.find_spec("av") is not None
_FORMAT = re.compile(r"pcm_(?P<pcm>\d+)|mp3_(?P<mp3>\d+)_(?P<kilobits>\d+)")
_PATH = re.compile(r"/v1/text-to-speech/(?P<voice>[^/]+)/stream(?P<timed>/with-timestamps)?")
_MALFORMED = b'{"audio_base64": "AAAA", "alignm\n'


class ElevenLabsEmulator(HttpEmulator):
    """A server of `/v1/text-to-speech/{voice}/stream`, with and without timestamps, in PCM or MP3.

    `first` draws the seconds before the first piece of `piece_seconds`, `factor` those before each
    further one, as a share of its length. With `restarts` the times in a piece count from its own
    beginning; unless it `aligns`, there are none, as of a model that tells of no characters.
    `requests` keeps the bodies it was sent, `gone` the instants at which a client hung up in the
    middle of an answer.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.15,
        factor: Callable[[], float] = lambda: 0.2,
        piece_seconds: float = 0.25,
        restarts: bool = False,
        aligns: bool = True,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        voice: Voice = tones,
    ) -> None:
        super().__init__()
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self._first, self._factor = first, factor
        self._piece_seconds, self._restarts = piece_seconds, restarts
        self._aligns = aligns
        self._trouble = Trouble(faults, "tts", turn)
        self._voice = voice

    async def _answer(self, request: Request, answer: Answer) -> None:
        if request.headers.get("xi-api-key") != self.key:
            answer.whole(401, _error("invalid_api_key", "Invalid API key"))
            return
        if request.method != "POST" or not (asked := _PATH.fullmatch(request.path)):
            answer.whole(404, {"detail": "Not Found"})
            return
        try:
            body = request.json()
            text = str(body["text"])
        except (ValueError, KeyError):
            answer.whole(422, {"detail": [{"loc": ["body", "text"], "msg": "Field required"}]})
            return
        self.requests.append(body)
        if body.get("language_code") and "multilingual_v2" in str(body.get("model_id")):
            answer.whole(400, _error("unsupported_language", "this model takes no language_code"))
            return
        form = _FORMAT.fullmatch(request.query.get("output_format", USUAL_FORMAT))
        rate = int(form["pcm"] or form["mp3"]) if form else 0
        if form is None or rate not in RATES or (form["mp3"] and not MP3_THERE):
            message = "this emulator has pcm_8000 to pcm_48000, and MP3 with its extra"
            answer.whole(403, _error("output_format_not_allowed", message))
        elif (fault := self._trouble.begins()) is not None:
            await refuse(fault, answer, _REFUSALS)
        else:
            encoder = _encoder(rate, int(form["kilobits"])) if form["mp3"] else None
            await self._stream(answer, text, rate, encoder, timed=bool(asked["timed"]))

    async def _stream(
        self, answer: Answer, text: str, rate: int, encoder: Encoder | None, *, timed: bool
    ) -> None:
        kind = "application/json" if timed else "audio/mpeg" if encoder else "audio/pcm"
        answer.begin(200, {"content-type": kind, "transfer-encoding": "chunked"})
        spoilt = self._trouble.suffers(SPOILT)
        slow = self._trouble.suffers(("slow",))
        delay = slow.factor if slow is not None else 1.0
        pieces = await timed_pieces(self._voice, text, rate, self._piece_seconds, spoilt)
        before = self._trouble.spoken(sum(piece.seconds for piece in pieces))
        for piece in pieces:
            at = before + piece.at
            fault = self._trouble.breaks(at, at + piece.seconds)
            if fault is not None and await suffer(fault, answer, _MALFORMED):
                return
            wait = self._factor() * piece.seconds if piece.at else self._first()
            await clock.sleep(delay * wait)
            shift = piece.at if self._restarts else 0.0
            audio = encoder.feed(piece.pcm) if encoder else piece.pcm
            if encoder and piece is pieces[-1]:
                audio += encoder.finish()
            answer.write(_line(piece, audio, shift, aligns=self._aligns) if timed else audio)
        answer.end()


def _encoder(rate: int, kilobits: int) -> Encoder:
    from bench.emulators.mp3 import Encoder  # which wants an extra

    return Encoder(rate, 1000 * kilobits)


def _line(piece: Piece, audio: bytes, shift: float, *, aligns: bool) -> bytes:
    about = {
        "audio_base64": base64.b64encode(audio).decode(),
        "alignment": _alignment(piece.characters, shift) if aligns else None,
        "normalized_alignment": _alignment(piece.normalized, shift) if aligns else None,
    }
    return json.dumps(about).encode() + b"\n"


def _alignment(characters: Characters, shift: float) -> dict[str, Any]:
    return {
        "characters": [character for character, _, _ in characters],
        "character_start_times_seconds": [round(at - shift, 5) for _, at, _ in characters],
        "character_end_times_seconds": [round(at - shift, 5) for _, _, at in characters],
    }


def _error(status: str, message: str) -> dict[str, Any]:
    return {"detail": {"status": status, "message": message}}


_REFUSALS = {
    429: _error("too_many_concurrent_requests", "Too many requests at a time"),
    503: _error("service_unavailable", "Try again later"),
}
