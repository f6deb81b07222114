"""Text in, speech with the times of its words out: Azure's text-to-speech, by its native SDK."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from azure.cognitiveservices.speech import (
    PropertyId,
    SpeechConfig,
    SpeechSynthesisOutputFormat,
)

from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.providers.azure_booth import Booth, Text, WholeText, WrittenText
from bench.providers.azure_bridge import PROVIDER, Subscription
from bench.providers.pieces import pieces
from bench.providers.spoken_words import SpokenWords

VOICE = "en-US-AvaMultilingualNeural"
USUAL_RATE = 16_000
FORMATS = {
    8000: SpeechSynthesisOutputFormat.Raw8Khz16BitMonoPcm,
    USUAL_RATE: SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm,
    24_000: SpeechSynthesisOutputFormat.Raw24Khz16BitMonoPcm,
    48_000: SpeechSynthesisOutputFormat.Raw48Khz16BitMonoPcm,
}
WAITS = {
    PropertyId.SpeechSynthesis_FrameTimeoutInterval: "100000000",  # ms
    PropertyId.SpeechSynthesis_RtfTimeoutThreshold: "10",
}
"""The SDK's own patience, without which it gives a text up whose writer pauses for 3 s."""


class AzureSynthesizer(BaseSynthesizer):
    """Speech as it is made, with word times, over connections that are kept open.

    `synthesizer_config` may hold `voice` (its name), `language` (whose usual voice speaks, when
    none is named), `voice_model` (the id of a custom endpoint) and `azure_url`: the address (ws://
    or wss://) of a server that speaks the same protocol, instead of a region. Sentences are made
    one after the other. Texts that are still being written have an address of the service, and
    a connection, of their own.
    """

    provider = PROVIDER
    streams_text = True

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self._subscription = Subscription(config)
        self.model: str | None = config.get("voice_model")
        self.voice = config.get("voice") or ("" if config.get("language") else VOICE)
        self._booth: Booth | None = None
        self._taking_text: Booth | None = None

    async def warm_up(self) -> None:
        """Open what connections there will be; whether that worked is for the first texts to
        tell."""
        booths = [self._for_whole(), *([self._for_written()] if self.will_stream else [])]
        for mouth in [booth.open(self._rate) for booth in booths]:
            await mouth.ready()

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; words are known as they are told, ahead of their audio."""
        text = WholeText(SpokenWords(message.text, self.sampling_rate))
        return self._speech(self._for_whole(), text, chunk_size)

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """Begin to say a text that is still being written, word by word as it comes; closing the
        result closes `texts`."""
        booth = self._for_written()
        booth.open(self._rate)
        text = WrittenText(SpokenWords("", self.sampling_rate), texts)
        return self._speech(booth, text, chunk_size)

    async def terminate(self) -> None:
        """Hang up."""
        for booth in (self._booth, self._taking_text):
            if booth is not None:
                await booth.close()

    def _speech(self, booth: Booth, text: Text, chunk_size: int) -> SynthesisResult:
        rate = self._rate
        chunks = pieces(booth.speech(text, rate), rate, self.sampling_rate, chunk_size)
        result = text.spoken.result = SynthesisResult(chunks, text.spoken.up_to)
        return result

    @property
    def _rate(self) -> int:
        return self.sampling_rate if self.sampling_rate in FORMATS else USUAL_RATE

    def _for_whole(self) -> Booth:
        if self._booth is None:
            self._booth = Booth(self._service, self._subscription.key)
        return self._booth

    def _for_written(self) -> Booth:
        if self._taking_text is None:
            key = self._subscription.key
            self._taking_text = Booth(lambda rate: self._service(rate, takes_text=True), key)
        return self._taking_text

    def _service(self, rate: int, *, takes_text: bool = False) -> SpeechConfig:
        config = self._subscription.service(takes_text=takes_text)
        if self.voice:
            config.speech_synthesis_voice_name = self.voice
        else:
            config.speech_synthesis_language = self._subscription.locale
        if self.model is not None:
            config.endpoint_id = self.model
        config.set_speech_synthesis_output_format(FORMATS[rate])
        config.set_property(PropertyId.SpeechServiceResponse_RequestPunctuationBoundary, "false")
        for name, value in WAITS.items() if takes_text else ():
            config.set_property(name, value)
        return config
