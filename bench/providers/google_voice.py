"""Text in, speech out as it is made, without word times: Google Cloud's streaming synthesis."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from google.cloud import texttospeech_v1 as texttospeech
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as Transport,
)
from grpc import aio

from bench import clock
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.engine.worker import Ending, spawn
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
from bench.providers.written_text import Coming, sentences, sentences_of

HOST = "texttospeech.googleapis.com"
FAMILY = "Chirp3-HD"  # the voices that stream
SPEAKER = "Charon"
RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # Hz that may be asked for
USUAL_RATE = 24_000
PAUSE_SECONDS = 3.0  # in a text that is being written; the service aborts a call after 5
_FULL_NAME = re.compile(r"(?P<language>[a-z]{2,3}-[A-Z]{2})-.+")


class GoogleSynthesizer(BaseSynthesizer):
    """Speech over one call a text, each of its sentences a request.

    Streaming has no word times: how far the listener got is estimated by proportion of the letters.
    `synthesizer_config` may hold `voice` ("en-US-Chirp3-HD-Charon", or only "Charon"), `language`
    ("en" or "en-US") and `google_voice_url`: the address of a server that speaks the same protocol.
    A text whose writer pauses goes on in another call.
    """

    provider = PROVIDER
    streams_text = True

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self.language = regional(config.get("language") or LANGUAGE)
        self.voice = config.get("voice") or SPEAKER
        if named := _FULL_NAME.fullmatch(self.voice):
            self.language = named["language"]
        elif "-" not in self.voice:
            self.voice = f"{self.language}-{FAMILY}-{self.voice}"
        self.first_result_seconds, self.pause_seconds = FIRST_RESULT_SECONDS, PAUSE_SECONDS
        self._access = GoogleAccess(config, "google_voice_url", HOST)
        self._line: _Line | None = None

    async def warm_up(self) -> None:
        """Begin to connect, so that the first sentence need not wait for it."""
        self._connected().channel.get_state(try_to_connect=True)

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; what was heard of it is an estimate."""
        return self._speech(sentences_of(message.text), chunk_size, message.text)

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """Begin to say a text that is still being written, by sentences and the first one's first
        clause; closing the result closes `texts`."""
        return self._speech(sentences(texts), chunk_size)

    async def terminate(self) -> None:
        """Close the channel."""
        line, self._line = self._line, None
        if line is not None:
            await line.channel.close()

    def _speech(
        self, asked: AsyncGenerator[str, None], chunk_size: int, known: str = ""
    ) -> SynthesisResult:
        rate = self.sampling_rate if self.sampling_rate in RATES else USUAL_RATE
        speech, text = _Speech(known, rate), Coming(asked)
        chunks = pieces(self._audio(speech, text), rate, self.sampling_rate, chunk_size)
        return SynthesisResult(chunks, speech.up_to, estimated=True)

    async def _audio(self, speech: _Speech, text: Coming) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes, by as many calls as it takes."""
        try:
            while (piece := await text.next()) is not None:
                async with contextlib.aclosing(self._by_call(speech, text, piece)) as audio:
                    async for pcm in audio:
                        yield pcm
        finally:
            await text.close()
        speech.is_whole = True
        if not speech.received and speech.has_sound:
            raise BrokenStream(self.provider, "the speech ended before its text did")

    async def _by_call(
        self, speech: _Speech, text: Coming, first: str
    ) -> AsyncGenerator[bytes, None]:
        """The PCM of what comes of the text without a pause."""
        line, call = self._connected(), GoogleCall(self._access)
        line.calls += 1
        try:
            await call.open(line.client.streaming_synthesize)
            dialogue = _Dialogue(call, speech, text)
            config = _config(self.voice, self.language, speech.rate)
            async with contextlib.aclosing(
                dialogue.audio(config, first, self.pause_seconds, self.first_result_seconds)
            ) as audio:
                async for pcm in audio:
                    yield pcm
        except (ConnectFailed, BrokenStream):
            if self._line is line:
                self._line = None  # the next call is not to meet with the same
            raise
        finally:
            call.cancel()
            line.calls -= 1
            if self._line is not line and not line.calls:
                await line.channel.close()

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


class _Dialogue:
    """One call: what there is of a text, and meanwhile its speech."""

    def __init__(self, call: GoogleCall, speech: _Speech, text: Coming) -> None:
        self._call, self._speech, self._text = call, speech, text

    async def audio(
        self,
        config: texttospeech.StreamingSynthesizeRequest,
        first: str,
        pause_seconds: float,
        result_seconds: float,
    ) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes, until the text is over or pauses for so long."""
        writer = spawn(self._write(config, first, pause_seconds), name="Google writer")
        try:
            while pcm := await self._next(result_seconds):
                self._speech.received += len(pcm)
                yield pcm
            if not writer.done():
                raise BrokenStream(PROVIDER, "the speech ended before its text did")
            await writer
        finally:
            self._call.cancel()
            writer.cancel()
            await Ending([writer])

    async def _write(
        self, config: texttospeech.StreamingSynthesizeRequest, first: str, pause_seconds: float
    ) -> None:
        piece: str | None = first
        try:
            await self._call.write(config)
            while piece is not None:
                self._speech.say(f"{piece} ")
                spoken = texttospeech.StreamingSynthesisInput(text=f"{piece} ")
                await self._call.write(texttospeech.StreamingSynthesizeRequest(input=spoken))
                piece = await self._text.next(pause_seconds)
        except TimeoutError:
            pass  # what still comes is for another call
        except Exception:
            await self._call.finish()  # who reads is told
            raise
        await self._call.finish()

    async def _next(self, seconds: float) -> bytes:
        """The next piece, empty after the last."""
        try:
            async with clock.deadline(seconds):
                while (response := await self._call.read()) is not None:
                    if response.audio_content:
                        return response.audio_content
        except TimeoutError:
            raise Stalled(PROVIDER, "no audio in time") from None
        return b""


class _Speech(GrowingSpeech):
    """The speech of a text that is `known`, or of one that is still being written."""

    def __init__(self, known: str, rate: int) -> None:
        super().__init__(known, rate)
        self._is_known = bool(known)

    def say(self, piece: str) -> None:
        """A piece of it is asked for."""
        if not self._is_known:
            self.give(piece)


def _config(voice: str, language: str, rate: int) -> texttospeech.StreamingSynthesizeRequest:
    return texttospeech.StreamingSynthesizeRequest(
        streaming_config=texttospeech.StreamingSynthesizeConfig(
            voice=texttospeech.VoiceSelectionParams(name=voice, language_code=language),
            streaming_audio_config=texttospeech.StreamingAudioConfig(
                audio_encoding=texttospeech.AudioEncoding.PCM, sample_rate_hertz=rate
            ),
        )
    )
