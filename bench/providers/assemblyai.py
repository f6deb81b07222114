"""Audio in, turns out as they are said: AssemblyAI's streaming socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from assemblyai.streaming.v3 import (
    HeartbeatEvent,
    RealTimeParameters,
    SpeechModel,
    TurnEvent,
)

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.patience import Patience
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import Ending, spawn
from bench.errors import ConfigError, Stalled
from bench.events import Word
from bench.providers.assemblyai_session import PROVIDER, AssemblyAISession
from bench.providers.connections import FIRST_RESULT_SECONDS, key_of
from bench.providers.paced_frames import PacedFrames
from bench.providers.utterances import Utterances

ENGLISH, MULTILINGUAL = "universal-streaming-english", "universal-streaming-multilingual"
LANGUAGES = ("de", "es", "fr", "it", "multi", "pt")  # of the one that finds out which
EVERY_LANGUAGE = "whisper-rt"
URL = "wss://streaming.assemblyai.com"
TURNS = ("end_of_turn_confidence_threshold", "min_turn_silence", "max_turn_silence")
FRAME_SAMPLES = 800  # 50 ms, the least that a frame may hold
PACE = 4.0  # times real time, at which what was held back is sent
BURST_SAMPLES = 3200
KEEP_ALIVE_SECONDS = 4.0  # without audio
LONG_SILENCE_MILLISECONDS = 1500  # in a turn: more than a conversation would wait by itself
UNSETTLED_SAMPLES = 2 * SAMPLE_RATE  # before a heartbeat: of words that are not told yet


class AssemblyAITranscriber(BaseTranscriber):
    """Speech-to-text that decides itself when a turn is over (16-bit PCM at 16 kHz).

    `transcriber_config` may hold `transcriber_model`, `language`, `keyterms`, `assemblyai_url`: the
    address (ws:// or wss://) of a server that speaks the same protocol, and what ends a turn:
    `end_of_turn_confidence_threshold`, `min_turn_silence` and `max_turn_silence` (milliseconds);
    the service's own values hold unless given. Without a model the language chooses one.

    A turn is one utterance. Its final is the first message that says the turn is over; formatting
    is not asked for, since it comes with a second message, later, and changes no word. Models that
    format by themselves end with the formatted text. Audio goes in frames of 50 ms, and after a
    reconnect at four times real time until it has caught up: the service names no figure, and hangs
    up on who is minutes ahead.
    """

    provider = PROVIDER
    owes_answers = True

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        language = config.get("language") or "en"
        self.model = config.get("transcriber_model") or _model_for(language)
        self._url = (config.get("assemblyai_url") or URL).rstrip("/")
        self._key = key_of(config, "ASSEMBLYAI_API_KEY", self.provider)
        try:
            self._parameters = _parameters(config, self.model, language)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{self.provider} cannot be used like that: {reason}") from None
        longest = self._parameters.max_turn_silence or 0
        self._is_patient = longest > LONG_SILENCE_MILLISECONDS
        self._utterances = Utterances()
        self._ended = -1  # the newest turn of this session that is over
        self._order = -1  # the newest of all
        self._beats = False  # the service, while it is sent audio
        self._speaking = False  # a turn is under way, whose end has to come
        self._waiting = False  # for either

    async def warm_up(self) -> None:
        """Make a client, and read a message as it would; nothing is sent."""
        AssemblyAISession(self._url, self._key)
        TurnEvent.model_validate(
            {"type": "Turn", "turn_order": 0, "turn_is_formatted": False, "end_of_turn": False,
             "transcript": "", "end_of_turn_confidence": 0.0, "words": []}
        )  # fmt: skip

    async def _run_loop(self) -> None:
        session, began_at = AssemblyAISession(self._url, self._key), clock.now()
        self._ended = self._order = -1
        self._beats = self._speaking = self._waiting = False
        try:
            async with Patience(FIRST_RESULT_SECONDS) as patience:
                await session.connect(self._parameters)
                await session.next_event()  # it begins
                patience.suspend()
                await self._converse(session, patience)
        except TimeoutError:
            waited = round(clock.now() - began_at, 6)
            raise Stalled(self.provider, "sent audio, got no answer", waited) from None
        finally:
            await session.hang_up()

    async def _converse(self, session: AssemblyAISession, patience: Patience) -> None:
        sender = spawn(self._send(session, patience), name="AssemblyAI sender")
        try:
            while True:
                event = await session.next_event()
                self._waiting = False
                patience.suspend()
                self.answered()
                if event.type == "Turn":
                    await self._turn(event)
                elif event.type == "Heartbeat":
                    self._beats = True
                    self._pass_over(event)
        finally:
            sender.cancel()
            await Ending([sender])

    async def _send(self, session: AssemblyAISession, patience: Patience) -> None:
        frames = PacedFrames(FRAME_SAMPLES, pace=PACE, burst=BURST_SAMPLES)
        while True:
            wait = frames.wait_seconds()
            try:
                async with clock.deadline(KEEP_ALIVE_SECONDS if wait is None else wait):
                    frames.add(await self.take())
            except TimeoutError:
                if wait is None:
                    self._waiting = False  # nobody owes an answer to silence
                    patience.suspend()
                    await session.keep_alive()
            while frame := frames.next():
                if (self._beats or self._speaking) and not self._waiting:
                    self._waiting = True
                    patience.extend(FIRST_RESULT_SECONDS)
                await session.stream(frame)

    def _pass_over(self, beat: HeartbeatEvent) -> None:
        """What came long before a heartbeat between two turns held no words."""
        if not self._speaking:
            heard = beat.total_audio_received_ms * SAMPLE_RATE // 1000
            self.intake.settled(self.placed(heard - UNSETTLED_SAMPLES))

    async def _turn(self, event: TurnEvent) -> None:
        if event.turn_order <= self._ended:
            return  # formatted, or out of order: a turn that is over stays as it was
        if event.turn_order > self._order >= 0:
            self._utterances.leave()  # its end never came
        self._order, self._ended = event.turn_order, event.turn_order - 1
        said = _read(event, self._utterances.name, self.placed)
        if said.is_final:
            self._ended = event.turn_order
        elif self._is_patient:
            said.ends_turn = False
        self._speaking = not said.is_final and bool(said.message)
        if not said.is_final and said.message == self._utterances.told:
            return  # it says several times how things stand
        if self._utterances.is_news(said):
            await self.tell(said)


def _parameters(config: Mapping[str, Any], model: str, language: str) -> RealTimeParameters:
    """What a session is asked for.

    Raises:
        ValueError: there is no such model, or it hears another language alone.
    """
    if model == ENGLISH and _code(language) != "en":
        raise ValueError(f"{model} hears English alone, and language is {language}")
    is_told = config.get("language") and model not in (ENGLISH, MULTILINGUAL, EVERY_LANGUAGE)
    return RealTimeParameters(
        sample_rate=SAMPLE_RATE,
        speech_model=SpeechModel(model),
        language_codes=[_code(language)] if is_told else None,
        keyterms_prompt=list(config.get("keyterms") or ()) or None,
        session_heartbeat=True,
        **{name: config[name] for name in TURNS if config.get(name) is not None},
    )


def _model_for(language: str) -> str:
    """The fastest model that hears a language."""
    code = _code(language)
    return ENGLISH if code == "en" else MULTILINGUAL if code in LANGUAGES else EVERY_LANGUAGE


def _code(language: str) -> str:
    return language.partition("-")[0].lower()


def _read(event: TurnEvent, utterance_id: str, placed: Callable[[int], int]) -> Transcription:
    """A turn so far: `transcript` leaves out the words that may change, `words` hold them all."""
    words = tuple(
        Word(
            word.text,
            placed(word.start * SAMPLE_RATE // 1000),
            placed(word.end * SAMPLE_RATE // 1000),
            word.confidence,
        )
        for word in event.words
    )
    final = event.end_of_turn
    text = event.transcript if final else " ".join(word.text for word in words)
    return Transcription(
        text.strip(),
        min((word.confidence for word in words), default=1.0),
        final,
        words=words,
        ends_turn=True if final else None,
        utterance_id=utterance_id,
    )
