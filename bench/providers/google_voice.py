"""Text in, speech out as it is made, without word times: Google Cloud's streaming synthesis."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from google.cloud import texttospeech_v1 as texttospeech
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as Transport,
)
from grpc import aio

from bench import clock
from bench.engine.sentences import Sentences
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.errors import BrokenStream, ConnectFailed, Stalled
from bench.providers.connections import FIRST_RESULT_SECONDS
from bench.providers.estimated_words import GrowingSpeech
from bench.providers.google_channel import (
    LANGUAGE,
    PROVIDER,
    GoogleAccess,
    GoogleCall,
    regional,
)
from bench.providers.pieces import pieces

HOST = "texttospeech.googleapis.com"
FAMILY = "Chirp3-HD"  # the voices that stream
SPEAKER = "Charon"
RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # Hz that may be asked for
USUAL_RATE = 24_000
_FULL_NAME = re.compile(r"(?P<language>[a-z]{2,3}-[A-Z]{2})-.+")


class GoogleSynthesizer(BaseSynthesizer):
    """Speech over one call a message, each of its sentences a request.

    Streaming has no word times: how far the listener got is estimated by proportion of the letters.
    `synthesizer_config` may hold `voice` ("en-US-Chirp3-HD-Charon", or only "Charon"), `language`
    ("en" or "en-US") and `google_voice_url`: the address of a server that speaks the same protocol.
    """

    provider = PROVIDER

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self.language = regional(config.get("language") or LANGUAGE)
        self.voice = config.get("voice") or SPEAKER
        if named := _FULL_NAME.fullmatch(self.voice):
            self.language = named["language"]
        elif "-" not in self.voice:
            self.voice = f"{self.language}-{FAMILY}-{self.voice}"
        self.first_result_seconds = FIRST_RESULT_SECONDS
        self._access = GoogleAccess(config, "google_voice_url", HOST)
        self._line: _Line | None = None

    async def warm_up(self) -> None:
        """Begin to connect, so that the first sentence need not wait for it."""
        self._connected().channel.get_state(try_to_connect=True)

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; what was heard of it is an estimate."""
        rate = self.sampling_rate if self.sampling_rate in RATES else USUAL_RATE
        speech = GrowingSpeech(message.text, rate)
        chunks = pieces(self._audio(speech), rate, self.sampling_rate, chunk_size)
        return SynthesisResult(chunks, speech.heard(), estimated=True)

    async def terminate(self) -> None:
        """Close the channel."""
        line, self._line = self._line, None
        if line is not None:
            await line.channel.close()

    async def _audio(self, speech: GrowingSpeech) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes."""
        line, call = self._connected(), GoogleCall(self._access)
        line.calls += 1
        try:
            await call.open(line.client.streaming_synthesize)
            async with clock.deadline(self.first_result_seconds):
                await self._ask(call, speech.text, speech.rate)
            while pcm := await self._next(call):
                speech.received += len(pcm)
                yield pcm
        except TimeoutError:
            raise Stalled(self.provider, "no audio in time") from None
        except (ConnectFailed, BrokenStream):
            if self._line is line:
                self._line = None  # the next call is not to meet with the same
            raise
        finally:
            call.cancel()
            line.calls -= 1
            if self._line is not line and not line.calls:
                await line.channel.close()
        speech.is_whole = True
        if not speech.received and speech.has_sound:
            raise BrokenStream(self.provider, "the speech ended before its text did")

    async def _ask(self, call: GoogleCall, text: str, rate: int) -> None:
        await call.write(_config(self.voice, self.language, rate))
        sentences = Sentences()
        for sentence in (*sentences.feed(text), sentences.flush()):
            if sentence:
                spoken = texttospeech.StreamingSynthesisInput(text=f"{sentence} ")
                await call.write(texttospeech.StreamingSynthesizeRequest(input=spoken))
        await call.finish()

    async def _next(self, call: GoogleCall) -> bytes:
        """The next piece, empty after the last."""
        async with clock.deadline(self.first_result_seconds):
            response = await call.read()
        if response is not None and not response.audio_content:
            raise BrokenStream(self.provider, "a response without audio")
        return response.audio_content if response is not None else b""

    def _connected(self) -> _Line:
        if self._line is None:
            self._line = _Line(self._access.channel(Transport))
        return self._line


class _Line:
    """A channel, its client, and how many calls are under way on it."""

    def __init__(self, channel: aio.Channel) -> None:
        self.channel = channel
        self.client = texttospeech.TextToSpeechAsyncClient(transport=Transport(channel=channel))
        self.calls = 0


def _config(voice: str, language: str, rate: int) -> texttospeech.StreamingSynthesizeRequest:
    return texttospeech.StreamingSynthesizeRequest(
        streaming_config=texttospeech.StreamingSynthesizeConfig(
            voice=texttospeech.VoiceSelectionParams(name=voice, language_code=language),
            streaming_audio_config=texttospeech.StreamingAudioConfig(
                audio_encoding=texttospeech.AudioEncoding.PCM, sample_rate_hertz=rate
            ),
        )
    )
