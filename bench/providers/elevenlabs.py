"""Text in, speech out with the time of every character: ElevenLabs' stream with timestamps."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import httpx
from elevenlabs import StreamingAudioChunkWithTimestampsResponse
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
)
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Stalled
from bench.providers.connections import (
    CONNECT_SECONDS,
    FIRST_RESULT_SECONDS,
    KEPT_OPEN_SECONDS,
    key_of,
    quoted,
    refused,
    tls,
)
from bench.providers.pieces import pieces
from bench.providers.spoken_characters import SpokenCharacters
from bench.providers.voice_format import VoiceFormat

PROVIDER = "elevenlabs"
URL = "https://api.elevenlabs.io"
MODEL = "eleven_flash_v2_5"
VOICE = "21m00Tcm4TlvDq8ikWAM"  # "Rachel", one of the vendor's own
RATES = (8000, 16_000, 22_050, 24_000)  # Hz of PCM that every plan may ask for
USUAL_RATE = 16_000
MP3_RATE, MP3_FORMAT = 44_100, "mp3_44100_64"  # a quarter of the bytes of PCM at 16 kHz
WITHOUT_LANGUAGE = "multilingual_v2"  # models that tell a language by the text alone
KEY_VARIABLE = "ELEVENLABS_API_KEY"
LOOK_AT = {
    "invalid_api_key": KEY_VARIABLE,
    "missing_permissions": f"what {KEY_VARIABLE} may do",
    "voice_not_found": "voice",
    "model_not_found": "voice_model",
    "unsupported_model": "voice_model",
}
"""Settings, by the vendor's name of an error."""


def create_synthesizer(synthesizer_config: Mapping[str, Any] | None = None) -> BaseSynthesizer:
    """The one for `elevenlabs_transport`: "http", unless it says "socket"."""
    if (synthesizer_config or {}).get("elevenlabs_transport") != "socket":
        return ElevenLabsSynthesizer(synthesizer_config)
    from bench.providers.elevenlabs_socket import ElevenLabsSocketSynthesizer  # it imports this

    return ElevenLabsSocketSynthesizer(synthesizer_config)


class ElevenLabsSynthesizer(BaseSynthesizer):
    """Speech over HTTP as it is made, with word times.

    `synthesizer_config` may hold `voice` (its id), `voice_model`, `language` (a code of two
    letters), `voice_format` ("pcm" or "mp3") and `elevenlabs_url`: the address of a server that
    speaks the same protocol.
    """

    provider = PROVIDER

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self.voice = config.get("voice") or VOICE
        self.model = config.get("voice_model") or MODEL
        self.language = language_of(self.model, config.get("language"))
        self._format = VoiceFormat(config, self.provider)
        self._url: str | None = config.get("elevenlabs_url")
        self._key = key_of(config, KEY_VARIABLE, self.provider)
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncElevenLabs | None = None

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; words are known as their audio comes."""
        spoken = SpokenCharacters(message.text, self.sampling_rate)
        spoken.result = SynthesisResult(self._chunks(spoken, chunk_size), spoken.up_to)
        return spoken.result

    async def warm_up(self) -> None:
        """Make the client, which takes longer than a first request should, and connect.

        Raises:
            ConnectFailed, Stalled: nobody is there.
        """
        self._connected()
        assert self._http is not None
        try:
            await self._http.get(self._url or URL)  # what it answers is of no interest
        except httpx.HTTPError as error:
            raise self._translated(error, begun=False) from None

    async def terminate(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    def _chunks(
        self, spoken: SpokenCharacters, chunk_size: int
    ) -> AsyncGenerator[ChunkResult, None]:
        rate = self.sampling_rate if self.sampling_rate in RATES else USUAL_RATE
        rate = MP3_RATE if self._format.is_mp3 else rate
        return pieces(self._audio(spoken, rate), rate, self.sampling_rate, chunk_size)

    async def _audio(self, spoken: SpokenCharacters, rate: int) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes."""
        audio = self._format.pcm(self._encoded(spoken, rate), rate)
        async with contextlib.aclosing(audio):
            async for pcm in audio:
                spoken.hear(len(pcm) / (SAMPLE_WIDTH * rate))
                yield pcm
        spoken.finish()
        if not spoken.complete:  # the SDK leaves out what it cannot read, without a word
            raise BrokenStream(self.provider, "the speech ended before its text did")

    async def _encoded(self, spoken: SpokenCharacters, rate: int) -> AsyncGenerator[bytes, None]:
        """The speech as it comes, in the format it has."""
        begun = False
        try:
            async with contextlib.aclosing(self._request(spoken.text, rate)) as items:
                async for item in items:
                    begun = True
                    yield _read(item, spoken)
        except (ApiError, httpx.HTTPError) as error:
            raise self._translated(error, begun=begun) from None

    def _request(
        self, text: str, rate: int
    ) -> AsyncGenerator[StreamingAudioChunkWithTimestampsResponse, None]:
        form = MP3_FORMAT if self._format.is_mp3 else f"pcm_{rate}"
        options: dict[str, Any] = {"model_id": self.model, "output_format": form}
        if self.language:
            options["language_code"] = self.language
        items = self._connected().text_to_speech.stream_with_timestamps(
            self.voice, text=text, request_options={"max_retries": 0}, **options
        )
        return cast("AsyncGenerator[StreamingAudioChunkWithTimestampsResponse, None]", items)

    def _connected(self) -> AsyncElevenLabs:
        if self._client is None:
            limits = httpx.Limits(keepalive_expiry=KEPT_OPEN_SECONDS)
            # A read may wait as long as the first result; the engine times the pieces after it.
            timeout = httpx.Timeout(FIRST_RESULT_SECONDS, connect=CONNECT_SECONDS)
            self._http = httpx.AsyncClient(verify=tls(), timeout=timeout, limits=limits)
            self._client = AsyncElevenLabs(
                api_key=self._key.reveal(),
                base_url=self._url,
                httpx_client=self._http,
                timeout=cast("Any", timeout),  # the SDK hands it on as it is
            )
        return self._client

    def _translated(self, error: ApiError | httpx.HTTPError, *, begun: bool) -> ProviderError:
        match error:
            case ApiError():
                status, headers = error.status_code or 500, error.headers or {}
                said, settings = _said(error.body), {status: _named_by(error.body)}
                return refused(self.provider, status, headers, said, self._key, look_at=settings)
            case httpx.ConnectTimeout() | httpx.PoolTimeout():
                return ConnectFailed(self.provider, "no connection in time")
            case httpx.TimeoutException():
                return Stalled(self.provider, "no audio in time")
            case _:
                kind = BrokenStream if begun else ConnectFailed
                return kind(self.provider, quoted(f"{type(error).__name__}: {error}", self._key))


def _read(item: StreamingAudioChunkWithTimestampsResponse, spoken: SpokenCharacters) -> bytes:
    try:
        pcm = base64.b64decode(item.audio_base_64, validate=True)
        if (times := item.alignment) is not None:
            spoken.add(
                times.characters,
                times.character_start_times_seconds,
                times.character_end_times_seconds,
            )
    except (AttributeError, TypeError, ValueError) as error:  # an error object, among others
        reason = f"not a piece of speech: {type(error).__name__}"
        raise BrokenStream(PROVIDER, reason) from None
    return pcm


def language_of(model: str, language: str | None) -> str | None:
    """The code to ask for: of the language alone, and none of a model that takes none."""
    return None if not language or WITHOUT_LANGUAGE in model else language.split("-")[0].lower()


def _named_by(body: object) -> str:
    """The setting that an error comes of, or ""."""
    detail = body.get("detail") if isinstance(body, dict) else None
    return LOOK_AT.get(str(detail.get("status")), "") if isinstance(detail, dict) else ""


def _said(body: object) -> str:
    """The vendor's words in the body of a refusal: `{"detail": {"status": …, "message": …}}`."""
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if isinstance(detail, dict):
        return ": ".join(str(detail[name]) for name in ("status", "message") if name in detail)
    return str(detail)
