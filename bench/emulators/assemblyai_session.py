"""Words heard in, the messages of an AssemblyAI session out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from bench import clock
from bench.audio import SAMPLE_RATE, samples_in
from bench.emulators.hearing import EarsMaker, samples_of, sureness
from bench.emulators.telling import Message, Telling
from bench.emulators.turns import TurnHeard, Turns, confidence_after, silence_for
from bench.events import Word

SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 1.0  # of one frame
AHEAD_SECONDS = 300.0  # of real time, at most: about what the service was seen to take
HEARTBEAT_SECONDS = 3.0  # of audio: no figure of the vendor's
FORMATTED_AFTER_SECONDS = 0.1  # of audio after the unformatted end
WORD_CONFIDENCE = 0.96
FORMATS_ITSELF = ("u3", "universal-3")  # models by the begin of their names


class Invalid(Exception):
    """The client did what it must not; `code` says what."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a turn; silences are milliseconds."""

    end_of_turn_confidence_threshold: float = 0.4
    min_turn_silence: float = 400.0
    max_turn_silence: float = 1280.0

    def changed(self, values: Mapping[str, object]) -> Limits:
        """With those of `values` that are limits.

        Raises:
            Invalid: one is no number.
        """
        try:
            asked = {name: float(str(values[name])) for name in self.__slots__ if name in values}
        except ValueError:
            raise Invalid(3006) from None
        return replace(self, **cast("dict[str, Any]", asked))

    def ends(self, words: Sequence[Word]) -> int:
        """The silence in samples that ends a turn with these words."""
        most, least = (samples_of(x / 1000) for x in (self.max_turn_silence, self.min_turn_silence))
        sure = silence_for(words, self.end_of_turn_confidence_threshold)
        return most if sure is None else min(most, max(least, sure))


class Session:
    """One connection's turns, in the protocol's words."""

    def __init__(
        self, query: Mapping[str, str], ears: EarsMaker, telling: Telling, *, beats: bool = True
    ) -> None:
        model = query.get("speech_model", "universal-streaming-english")
        self.turns = Turns(ears, self._ends)
        idle = query.get("inactivity_timeout")
        self.idle_seconds = None if idle is None else float(idle)
        self._telling, self._limits = telling, Limits().changed(query)
        self._formats_itself = model.startswith(FORMATS_ITSELF)
        self._formats = query.get("format_turns") == "True"
        self._beats = beats and query.get("session_heartbeat") == "True"
        self._order = 0  # of the turn under way
        self._formatted: tuple[int, Message] | None = None  # the sample at which it is due
        self._beat_at = 0  # the newest heartbeat's sample
        self._began_at = clock.now()

    async def begin(self) -> None:
        """The first message of all."""
        await self._telling.tell({"type": "Begin", "id": "emulated", "expires_at": 10_800})

    async def take(self, pcm: bytes) -> None:
        """More audio came: tell what there is to tell of it.

        Raises:
            Invalid: the frame is too short, too long or too early.
        """
        self._check(samples_in(pcm))
        for heard in await self.turns.take(pcm):
            await self._tell(heard)
        if self._formatted is not None and self.turns.samples >= self._formatted[0]:
            await self._format()
        if self._beats and self.turns.samples - self._beat_at >= samples_of(HEARTBEAT_SECONDS):
            self._beat_at = self.turns.samples
            milliseconds = _milliseconds(self.turns.samples)
            await self._telling.tell(
                {
                    "type": "Heartbeat",
                    "total_audio_received_ms": milliseconds,
                    "total_duration_ms": milliseconds,
                    "realtime_factor": 1.0,
                    "max_speech_probability": 0.0,
                }
            )

    async def obey(self, message: Mapping[str, Any]) -> bool:
        """Do what a text message asks for; False when it asks for the end.

        Raises:
            Invalid: there is no such message.
        """
        match message["type"]:
            case "KeepAlive":
                pass
            case "ForceEndpoint":
                await self._finish()
            case "UpdateConfiguration":
                self._limits = self._limits.changed(message)
                self._formats = message.get("format_turns", self._formats) is True
            case "Terminate":
                await self._finish()
                await self._telling.tell(self._termination())
                return False
            case _:
                raise Invalid(3006)
        return True

    def _check(self, samples: int) -> None:
        if not samples_of(SHORTEST_SECONDS) <= samples <= samples_of(LONGEST_SECONDS):
            raise Invalid(3007)
        if self.turns.samples + samples > samples_of(clock.now() - self._began_at + AHEAD_SECONDS):
            raise Invalid(3007)

    async def _finish(self) -> None:
        for heard in await self.turns.finish():
            await self._tell(heard)
        await self._format()

    async def _tell(self, heard: TurnHeard) -> None:
        await self._format()  # of the turn before
        if heard.kind == "began":
            at = _milliseconds(heard.words[0].start_sample)
            await self._telling.tell({"type": "SpeechStarted", "timestamp": at})
        if heard.kind != "ended":
            await self._telling.partial(self._turn(heard.words))
            return
        if self._formats and not self._formats_itself:
            due = self.turns.samples + samples_of(FORMATTED_AFTER_SECONDS)
            self._formatted = due, self._turn(heard.words, ended=True, formatted=True)
        formatted = self._formats_itself
        await self._telling.final(self._turn(heard.words, ended=True, formatted=formatted))
        self._order += 1

    async def _format(self) -> None:
        if self._formatted is not None:
            message, self._formatted = self._formatted[1], None
            await self._telling.tell(message)

    def _turn(
        self, words: Sequence[Word], *, ended: bool = False, formatted: bool = False
    ) -> Message:
        final = words if ended else words[:-1]  # the newest word may change
        texts = [word.text if formatted else _plain(word.text) for word in words]
        transcript = " ".join(texts[: len(final)])
        silence = max(0, self.turns.samples - words[-1].end_sample)
        return {
            "type": "Turn",
            "turn_order": self._order,
            "turn_is_formatted": formatted,
            "end_of_turn": ended,
            "transcript": transcript,
            "utterance": transcript if ended else "",
            "end_of_turn_confidence": round(confidence_after(words, silence), 4),
            "words": [
                {
                    "text": text,
                    "start": _milliseconds(word.start_sample),
                    "end": _milliseconds(word.end_sample),
                    "confidence": sureness((word,), WORD_CONFIDENCE),
                    "word_is_final": number < len(final),
                }
                for number, (text, word) in enumerate(zip(texts, words, strict=True))
            ],
        }

    def _ends(self, words: Sequence[Word]) -> int:
        return self._limits.ends(words)

    def _termination(self) -> Message:
        return {
            "type": "Termination",
            "audio_duration_seconds": self.turns.samples // SAMPLE_RATE,
            "session_duration_seconds": int(clock.now() - self._began_at),
        }


def _milliseconds(samples: int) -> int:
    return round(samples * 1000 / SAMPLE_RATE)


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c in "'-")
