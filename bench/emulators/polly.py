"""Text in, tones and the marks of their words out: Amazon Polly, spoken back."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from bench import clock
from bench.emulators.serving import Answer, HttpEmulator, Request
from bench.emulators.signature import signed_with, signer
from bench.emulators.trouble import Trouble, suffer
from bench.emulators.voices import SPOILT, Voice, spoken_by, tones
from bench.events import Word
from bench.simulation.faults import Fault

if TYPE_CHECKING:
    from bench.emulators.mp3 import Encoder

KEY = "AKIDOFPOLLYEMULATED"
SECRET = "a-secret-for-emulators"
RATES = {
    "pcm": ("8000", "16000"),
    "mp3": ("8000", "16000", "22050", "24000", "44100", "48000"),
    "json": ("",),
}
FORMATS = tuple(form for form in RATES if form != "mp3" or importlib.util.find_spec("av"))
USUAL_RATES = {"pcm": "16000", "mp3": "24000", "json": ""}
MP3_BITS_PER_SECOND = 48_000
ENGINES = ("standard", "neural", "long-form", "generative")
BILINGUAL = ("Aditi", "Kajal")  # voices that may be told a language
LONGEST_TEXT = 3000  # characters
PIECE_SECONDS = 0.25
_SOUNDS = re.compile(r"\w(?:.*\w)?")  # of a word, without the signs around it

Refusal = tuple[int, str]
"""Status and name of an error: (400, "ThrottlingException")."""


class PollyEmulator(HttpEmulator):
    """A server of `/v1/speech`: PCM, MP3 at 24 kHz, or the speech marks of its words.

    `key` is the id of the one key there is, `secret` what its requests are signed with; with a
    `token` they are temporary, and it has to come along. `first`
    draws the seconds before the first quarter of a second of PCM, `factor` those before each
    further one as a share of its length, `marks` those before speech marks. `requests` keeps the
    bodies it was sent, `gone` the instants at which a client hung up in the middle of an answer.
    Faults come to requests for speech; `refusals` are what the next ones of them get instead,
    `marks_refusals` likewise for marks.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        secret: str = SECRET,
        token: str = "",
        first: Callable[[], float] = lambda: 0.15,
        factor: Callable[[], float] = lambda: 0.2,
        marks: Callable[[], float] = lambda: 0.2,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        voice: Voice = tones,
        refusals: Iterable[Refusal] = (),
        marks_refusals: Iterable[Refusal] = (),
    ) -> None:
        super().__init__()
        self.key, self.secret, self.token = key, secret, token
        self.requests: list[dict[str, Any]] = []
        self._first, self._factor, self._marks = first, factor, marks
        self._trouble = Trouble(faults, "tts", turn)
        self._voice = voice
        self._refusals, self._marks_refusals = list(refusals), list(marks_refusals)

    async def _answer(self, request: Request, answer: Answer) -> None:
        token = request.headers.get("x-amz-security-token", "")
        if signer(request) != self.key or (self.token and token != self.token):
            _refuse(answer, 403, "UnrecognizedClientException")
        elif not signed_with(request, self.secret):
            _refuse(answer, 403, "InvalidSignatureException")
        elif (request.method, request.path) != ("POST", "/v1/speech"):
            _refuse(answer, 404, "UnknownOperationException")
        elif wrong := _wrong(body := _body(request)):
            _refuse(answer, 400, wrong)
        else:
            self.requests.append(body)
            speak = self._tell if body["OutputFormat"] == "json" else self._speak
            await speak(body, answer)

    async def _tell(self, body: dict[str, Any], answer: Answer) -> None:
        """The speech marks, all at once."""
        if self._marks_refusals:
            _refuse(answer, *self._marks_refusals.pop(0))
            return
        spoken = await self._voice(body["Text"], 16_000)
        await clock.sleep(self._marks())
        self._begin(answer, body, "application/x-json-stream")
        for line in _lines(body["Text"], spoken.words, 16_000):
            answer.write(line)
        answer.end()

    async def _speak(self, body: dict[str, Any], answer: Answer) -> None:
        """The speech, as it is made."""
        if self._refusals:
            _refuse(answer, *self._refusals.pop(0))
            return
        if (fault := self._trouble.begins()) is not None:
            await _meet(fault, answer)
            return
        form = str(body["OutputFormat"])
        rate = int(body.get("SampleRate", USUAL_RATES[form]))
        encoder = _encoder(rate) if form == "mp3" else None
        spoilt = self._trouble.suffers(SPOILT)
        pcm = (await spoken_by(self._voice, body["Text"], rate, spoilt)).pcm
        self._begin(answer, body, "audio/mpeg" if encoder else "audio/pcm")
        slow = self._trouble.suffers(("slow",))
        delay, before = slow.factor if slow else 1.0, self._trouble.spoken(len(pcm) / (2 * rate))
        size = round(PIECE_SECONDS * rate) * 2
        for start in range(0, len(pcm), size):
            piece = pcm[start : start + size]
            at, seconds = before + start / (2 * rate), len(piece) / (2 * rate)
            fault = self._trouble.breaks(at, at + seconds)
            if fault is not None and await _break(fault, answer):
                return
            await clock.sleep(delay * (self._factor() * seconds if start else self._first()))
            answer.write(encoder.feed(piece) if encoder else piece)
        if encoder:
            answer.write(encoder.finish())
        answer.end()

    def _begin(self, answer: Answer, body: dict[str, Any], kind: str) -> None:
        headers = {"content-type": kind, "transfer-encoding": "chunked"}
        answer.begin(200, headers | {"x-amzn-requestcharacters": str(len(body["Text"]))})


def _encoder(rate: int) -> Encoder:
    from bench.emulators.mp3 import Encoder  # which wants an extra

    return Encoder(rate, MP3_BITS_PER_SECOND)


def _body(request: Request) -> dict[str, Any]:
    try:
        return request.json()
    except ValueError:
        return {}


def _wrong(body: dict[str, Any]) -> str:
    """The name of the error in a request, "" when there is none."""
    if not all(body.get(name) for name in ("Text", "VoiceId", "OutputFormat")):
        return "ValidationException"
    if body.get("LanguageCode") and body["VoiceId"] not in BILINGUAL:
        return "LanguageNotSupportedException"
    marks, engine = body.get("SpeechMarkTypes"), body.get("Engine", "standard")
    if body["OutputFormat"] not in FORMATS:
        return "ValidationException"
    if bool(marks) != (body["OutputFormat"] == "json"):
        return "MarksNotSupportedForFormatException"
    if engine not in ENGINES or (marks and engine == "generative"):
        return "EngineNotSupportedException"
    if body.get("SampleRate", USUAL_RATES[body["OutputFormat"]]) not in RATES[body["OutputFormat"]]:
        return "InvalidSampleRateException"
    return "TextLengthExceededException" if len(body["Text"]) > LONGEST_TEXT else ""


def _lines(text: str, words: Iterable[Word], rate: int) -> list[bytes]:
    """A mark a line: when a word begins, and the bytes of the text that it has."""
    lines, place = list[bytes](), 0
    for word in words:
        here = text.index(word.text, place)
        place = here + len(word.text)
        if (sounds := _SOUNDS.search(word.text)) is None:  # a lone sign is not spoken
            continue
        value = sounds[0]
        start = len(text[: here + sounds.start()].encode())
        mark = {
            "time": round(1000 * word.start_sample / rate),
            "type": "word",
            "start": start,
            "end": start + len(value.encode()),
            "value": value,
        }
        lines.append(json.dumps(mark, ensure_ascii=False).encode() + b"\n")
    return lines


def _refuse(answer: Answer, status: int, name: str, headers: dict[str, str] | None = None) -> None:
    message = f"{name} of the emulator"
    answer.whole(status, {"message": message}, {"x-amzn-errortype": name, **(headers or {})})


async def _meet(fault: Fault, answer: Answer) -> None:
    """Turn a request down."""
    if fault.kind == "connect_timeout":  # accepts, and is never heard of again
        await asyncio.Event().wait()
    if fault.kind == "http_429":
        waits = {"retry-after": f"{fault.retry_after_seconds:g}"}
        _refuse(answer, 429, "TooManyRequestsException", waits)
    else:
        _refuse(answer, 503, "ServiceUnavailableException")


async def _break(fault: Fault, answer: Answer) -> bool:
    """Stall, spoil or break off an answer under way; whether it is over."""
    if fault.kind != "malformed":
        return await suffer(fault, answer, b"")
    answer.garble(b"no length of a chunk\r\n")
    return True
