"""Sound in pieces of any size in, whole samples and voice activity out."""

from __future__ import annotations

from collections.abc import Callable

from bench.audio import SAMPLE_WIDTH
from bench.engine.settings import ConversationSettings
from bench.engine.transcriber import BaseTranscriber
from bench.engine.vad import Probability, SpeechStarted, SpeechStopped, VoiceActivityDetector

Edges = list[SpeechStarted | SpeechStopped]


class Microphone:
    """The user's microphone: 16 kHz mono PCM on its way to the transcriber.

    `probability` tells of speech; without it there is no voice activity. `on_activity` is told
    while there is some; the detector knows where.
    """

    def __init__(
        self,
        transcriber: BaseTranscriber,
        probability: Probability | None,
        settings: ConversationSettings,
        on_activity: Callable[[VoiceActivityDetector, Edges], None],
    ) -> None:
        self.transcriber = transcriber
        self._probability, self._on_activity = probability, on_activity
        self._vad = self._detector(settings)
        self._odd = b""
        self._deaf = False  # while the bot is heard, in echo mode `mute`

    @property
    def has_vad(self) -> bool:
        """Whether it tells when somebody speaks."""
        return self._vad is not None

    @property
    def speech(self) -> bool:
        """Whether there is a sound that is speech."""
        return self._vad is not None and self._vad.speaking

    def whole(self, chunk: bytes) -> bytes:
        """The whole samples of what has come; the rest waits for the next piece."""
        if self._odd or len(chunk) % SAMPLE_WIDTH:
            chunk = self._odd + chunk
            whole = len(chunk) & ~1
            chunk, self._odd = chunk[:whole], chunk[whole:]
        return chunk

    def hear(self, chunk: bytes) -> None:
        """Take whole samples."""
        if self._vad is not None:
            audio = bytes(len(chunk)) if self.transcriber.is_muted else chunk
            edges = self._vad.feed(audio)
            if edges or self._vad.speaking:
                self._on_activity(self._vad, edges)
                self.transcriber.hears_voice(self._vad.voiced_samples)
        self.transcriber.send_audio(chunk)

    def deafen(self, deaf: bool) -> None:
        """Mute the transcriber or undo it; one that somebody else has muted is left alone."""
        if deaf and not self.transcriber.is_muted:
            self._deaf = True
            self.transcriber.mute()
        elif not deaf and self._deaf:
            self._deaf = False
            self.transcriber.unmute()

    def renew(self, settings: ConversationSettings) -> None:
        """Detect speech as new settings say."""
        self._vad = self._detector(settings)

    def _detector(self, settings: ConversationSettings) -> VoiceActivityDetector | None:
        return self._probability and VoiceActivityDetector.of(self._probability, settings)
