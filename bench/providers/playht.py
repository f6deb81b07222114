"""Text in, speech out without word times: Play.ht's HTTP stream, whose service is closed."""

# pyright: reportMissingImports=false
# (pyht is in the legacy environment alone)

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import aiohttp
from pyht.async_client import AsyncClient
from pyht.client import Format, Language, TTSOptions
from pyht.inference_coordinates import InferenceCoordinatesOptions

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.errors import BrokenStream, ConfigError, ConnectFailed, ProviderError
from bench.providers.connections import CONNECT_SECONDS, key_of, quoted, refused
from bench.providers.estimated_words import GrowingSpeech
from bench.providers.pieces import pieces

MODEL = "Play3.0-mini"
VOICE = (
    "s3://voice-cloning-zero-shot/775ae416-49bb-4fb6-bd45-740f205d20a1/jennifersaad/manifest.json"
)
URL = "https://api.play.ht"
RATE = 16_000  # Hz of the PCM that is asked for
LANGUAGES = {  # the SDK has names for them, no codes
    "ar": Language.ARABIC,
    "de": Language.GERMAN,
    "en": Language.ENGLISH,
    "es": Language.SPANISH,
    "fr": Language.FRENCH,
    "hi": Language.HINDI,
    "it": Language.ITALIAN,
    "ja": Language.JAPANESE,
    "ko": Language.KOREAN,
    "nl": Language.DUTCH,
    "pl": Language.POLISH,
    "pt": Language.PORTUGUESE,
    "ru": Language.RUSSIAN,
    "zh": Language.MANDARIN,
}


class PlayHTSynthesizer(BaseSynthesizer):
    """Speech over HTTP as it is made; what was heard of it is estimated by proportion.

    `synthesizer_config` may hold `voice` (the address of its manifest), `voice_model`, `language`
    (a code of two letters), `speed` and `playht_url`: the address of a server that speaks the same
    protocol, without which there is nobody to answer.
    """

    provider = "playht"

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self.voice = config.get("voice") or VOICE
        self.model = config.get("voice_model") or MODEL
        self._options = TTSOptions(
            voice=self.voice,
            format=Format.FORMAT_PCM,
            sample_rate=RATE,
            speed=config.get("speed") or 1.0,
            language=_language(config.get("language")),
        )
        self._url: str = (config.get("playht_url") or URL).rstrip("/")
        self._user = key_of(config, "PLAYHT_USER_ID", self.provider)
        self._key = key_of(config, "PLAYHT_API_KEY", self.provider)
        self._client: AsyncClient | None = None

    async def warm_up(self) -> None:
        """Ask where the service is.

        Raises:
            ProviderError: it does not say.
        """
        await self._authorized()

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; what was heard of it is an estimate."""
        speech = GrowingSpeech(message.text, RATE)
        chunks = pieces(self._audio(speech), RATE, self.sampling_rate, chunk_size)
        return SynthesisResult(chunks, speech.heard(), estimated=True)

    async def terminate(self) -> None:
        """Forget the client; its connections end with the speech they are for."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _audio(self, speech: GrowingSpeech) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes."""
        try:
            client = await self._authorized()
            audio = client.tts(speech.text, self._options, self.model, "http")
            async with contextlib.aclosing(cast("AsyncGenerator[bytes, None]", audio)) as stream:
                async for pcm in stream:
                    speech.received += len(pcm)
                    yield pcm
        except ProviderError:
            raise
        except Exception as error:  # the SDK raises what it has, plain ones among it
            raise self._translated(error, begun=speech.received > 0) from None
        if not speech.received and speech.has_sound:
            raise BrokenStream(self.provider, "no audio came")
        if speech.received % SAMPLE_WIDTH:
            raise BrokenStream(self.provider, "the audio ended in the middle of a sample")
        speech.is_whole = True

    async def _authorized(self) -> AsyncClient:
        """A client that was told where the service is; it asks again when that is long ago."""
        if (client := self._client) is None:
            user, key = self._user.reveal(), self._key.reveal()
            client = _Client(user, key, auto_connect=False, advanced=_options(self._url))
            self._client = client
        try:
            async with clock.deadline(CONNECT_SECONDS):
                await client.ensure_inference_coordinates()
        except TimeoutError:
            raise ConnectFailed(self.provider, "no connection in time") from None
        except Exception as error:  # the SDK raises what it has
            raise self._translated(error, begun=False) from None
        return client

    def _translated(self, error: BaseException, *, begun: bool) -> ProviderError:
        if isinstance(error, IndexError) and error.__context__ is not None:
            error = error.__context__  # the SDK's handler tripped over an error of one argument
        match error:
            case aiohttp.ClientResponseError(status=status, headers=headers, message=said):
                return refused(self.provider, status, headers or {}, said, self._key)
            case Exception(args=(str(said), int(status))) if not isinstance(error, OSError):
                return refused(self.provider, status, {}, said, self._key)
            case aiohttp.ClientConnectionError() | OSError() if not begun:
                return ConnectFailed(self.provider, quoted(_story(error), self._key))
            case _:
                return BrokenStream(self.provider, quoted(_story(error), self._key))


class _Client(AsyncClient):
    """The SDK's client, which lets nothing run when it is collected: it was closed before."""

    def __del__(self) -> None:
        pass


def _options(url: str) -> AsyncClient.AdvancedOptions:
    coordinates = InferenceCoordinatesOptions(
        api_url=f"{url}/api/v4", coordinates_get_api_call_max_retries=1
    )
    return AsyncClient.AdvancedOptions(
        api_url=f"{url}/api",
        metrics_buffer_size=1,
        auto_refresh_lease=False,
        disable_lease_disk_cache=True,
        inference_coordinates_options=coordinates,
    )


def _language(code: str | None) -> Language | None:
    if code is None:
        return None
    try:
        return LANGUAGES[code.partition("-")[0]]
    except KeyError:
        known = ", ".join(LANGUAGES)
        raise ConfigError(f"playht: language is {code!r}: want one of {known}") from None


def _story(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
