"""Text in, speech out as it is made: Google Cloud's streaming synthesis, spoken back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from google.cloud import texttospeech_v1 as texttospeech
from google.rpc.code_pb2 import Code

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.emulators.google_serving import Call, GoogleServer, refuse
from bench.emulators.serving import LOOPBACK
from bench.emulators.trouble import Trouble
from bench.emulators.voices import SPOILT, Voice, spoken_by, tones
from bench.simulation.faults import Fault

KEY = "a-google-key-for-emulators"
PATH = "google.cloud.texttospeech.v1.TextToSpeech/StreamingSynthesize"
USUAL_RATE = 24_000
_IDLE = (
    "Stream aborted due to long duration elapsed without input sent. Input must be sent "
    "continuously, at least every {:g}s seconds."
)


class GoogleVoiceEmulator:
    """A server of `TextToSpeech/StreamingSynthesize`, version 1, in PCM.

    `first` draws the seconds before the first piece of `piece_seconds`, `factor` those before each
    further one, as a share of its length. Without a request for `idle_seconds` a call that is not
    half-closed is aborted. `requests` keeps what each call asked for (voice,
    language_code, sample_rate_hertz, texts), `gone` the instants at which a client left an answer
    unfinished.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.15,
        factor: Callable[[], float] = lambda: 0.2,
        piece_seconds: float = 0.25,
        idle_seconds: float = 5.0,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        voice: Voice = tones,
    ) -> None:
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self._first, self._factor = first, factor
        self._piece_seconds, self._voice = piece_seconds, voice
        self._idle_seconds = idle_seconds
        self._trouble = Trouble(faults, "tts", turn)
        self._server = GoogleServer(key, self._trouble)

    @property
    def gone(self) -> list[float]:
        """When clients left an answer unfinished."""
        return self._server.gone

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[GoogleVoiceEmulator, None]:
        """Serve until the block ends; `url` is its address, without TLS."""
        services = {PATH: (self._synthesize, texttospeech.StreamingSynthesizeRequest)}
        async with self._server.serving(services, port):
            self.url = f"http://{LOOPBACK}:{self._server.port}"
            yield self

    async def _synthesize(
        self, requests: Any, call: Call
    ) -> AsyncGenerator[texttospeech.StreamingSynthesizeResponse, None]:
        answer: _Answer | None = None
        while (request := await self._next(requests, call)) is not None:
            text = str(request.input.text)
            if answer is None:
                self.requests.append(asked := await _asked(request.streaming_config, call))
                spoilt = self._trouble.suffers(SPOILT)
                slow = self._trouble.suffers(("slow",))
                answer = _Answer(asked, spoilt, slow.factor if slow is not None else 1.0)
            elif "streaming_config" in request or not text:
                await refuse(call, Code.INVALID_ARGUMENT, "Want input after the first request.")
            else:
                answer.asked["texts"].append(text)
                async for piece in self._say(text, answer, call):
                    yield texttospeech.StreamingSynthesizeResponse(audio_content=piece)

    async def _next(self, requests: Any, call: Call) -> Any | None:
        try:
            async with clock.deadline(self._idle_seconds):
                return await anext(requests, None)
        except TimeoutError:
            await refuse(call, Code.ABORTED, _IDLE.format(self._idle_seconds))

    async def _say(self, text: str, answer: _Answer, call: Call) -> AsyncGenerator[bytes, None]:
        """The pieces of a text, each when it is due."""
        rate = int(answer.asked["sample_rate_hertz"])
        pieces = await self._pieces(text, rate, answer.spoilt)
        at = self._trouble.spoken(sum(map(len, pieces)) / (SAMPLE_WIDTH * rate))
        for piece in pieces:
            seconds = len(piece) / (SAMPLE_WIDTH * rate)
            await clock.sleep(
                answer.delay * (self._factor() * seconds if answer.begun else self._first())
            )
            if (fault := self._trouble.breaks(at, at + seconds)) is not None:
                await self._server.suffer(call, fault)
            answer.begun = True
            yield piece
            at += seconds

    async def _pieces(self, text: str, rate: int, spoilt: Fault | None) -> list[bytes]:
        pcm = (await spoken_by(self._voice, text, rate, spoilt)).pcm
        size = SAMPLE_WIDTH * round(self._piece_seconds * rate)
        return [pcm[start : start + size] for start in range(0, len(pcm), size)]


@dataclass(slots=True)
class _Answer:
    """What one call asked for, what is wrong with its audio, how many times slower it comes."""

    asked: dict[str, Any]
    spoilt: Fault | None
    delay: float
    begun: bool = False


async def _asked(config: Any, call: Call) -> dict[str, Any]:
    """The first request of a call, refused when the service would."""
    voice, audio = config.voice, config.streaming_audio_config
    if "Chirp" not in voice.name:
        message = "Currently, only Chirp voices are supported for streaming synthesis."
        await refuse(call, Code.INVALID_ARGUMENT, message)
    if not voice.language_code or not voice.name.startswith(voice.language_code):
        message = "The language code does not match the language of the voice."
        await refuse(call, Code.INVALID_ARGUMENT, message)
    if audio.audio_encoding != texttospeech.AudioEncoding.PCM:
        await refuse(call, Code.INVALID_ARGUMENT, "This emulator speaks in PCM.")
    return {
        "voice": str(voice.name),
        "language_code": str(voice.language_code),
        "sample_rate_hertz": int(audio.sample_rate_hertz) or USUAL_RATE,
        "texts": [],
    }
