"""The seams joined: audio in, audio out, and everything that happened in between."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.agent import AgentResponse, BaseAgent, GeneratedResponse, TranscriptionAgentInput
from bench.engine.answering import SpeechEvent
from bench.engine.closing import close_all
from bench.engine.idle import IdleWatch
from bench.engine.microphone import Microphone
from bench.engine.output import OutputDevice
from bench.engine.parts import backups_of, prepare, shown, warm_up
from bench.engine.road import Road
from bench.engine.settings import ConversationSettings
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.transcript import Message, Transcript
from bench.engine.turns import Bot, TurnTaker
from bench.engine.vad import Probability
from bench.engine.words import ends_the_call
from bench.engine.worker import spawn
from bench.events import ConversationEnded, ConversationStarted, SettingsChanged, TurnCommitted
from bench.trace import Trace

WORKERS_STOP_SECONDS, CONNECTIONS_CLOSE_SECONDS = 0.7, 0.25  # within one second in all

_ids = itertools.count(1)


class StreamingConversation:
    """A spoken conversation: five workers joined by queues, streaming and interruptible at every
    stage.

    `settings` are those of `ConversationSettings`, by name. `vad` is the probability of speech in
    512 samples of 16 kHz PCM; without it only the transcriber's words tell that the user speaks.
    """

    def __init__(
        self,
        *,
        output_device: OutputDevice,
        transcriber: BaseTranscriber,
        agent: BaseAgent,
        synthesizer: BaseSynthesizer,
        vad: Probability | None = None,
        trace: Trace | None = None,
        conversation_id: str = "",
        **settings: Any,
    ) -> None:
        self.id = conversation_id or f"conversation-{next(_ids)}"
        self.settings = ConversationSettings().changed(**settings)
        self.trace = Trace() if trace is None else trace
        self.output_device = output_device
        self.transcriber = transcriber
        self.agent = agent
        self.synthesizer = synthesizer
        self.ended = asyncio.Event()
        self.end_reason = ""
        self._open = False
        self._closing: asyncio.Task[None] | None = None
        self._pending: dict[str, Any] = {}  # settings for the next turn
        self._retired: list[BaseSynthesizer] = []  # may still be speaking; closed at the end
        self._turns = TurnTaker(self.settings, lambda text: self.agent.is_complete(text))
        self._idle = IdleWatch(self._silence_lasts)
        self._road = Road(
            transcriber,
            agent,
            synthesizer,
            output_device,
            settings=self.settings,
            trace=self.trace,
            turns=self._turns,
            commit=self._commit,
        )
        self._floor, self._speaking = self._road.floor, self._road.speaking
        self._listening = self._road.listening
        self._microphone = Microphone(transcriber, vad, self.settings, self._listening.listen)
        self._wire()

    # What a user of the engine does

    async def start(self) -> None:
        """Begin: clients are made ready, workers run, a greeting is said; once and for all."""
        if not self._open and not self.end_reason:
            prepare(self.synthesizer, self.output_device.sampling_rate, self.settings.response_mode)
            await warm_up(self.transcriber, self.agent, self.synthesizer)
        self.begin()

    def begin(self) -> None:
        """`start` for callers that cannot await; needs a running loop."""
        if self._open or self.end_reason:
            return
        self._open = True
        self.trace.start()
        self.trace.record(ConversationStarted(self._shown_settings()))
        prepare(self.synthesizer, self.output_device.sampling_rate, self.settings.response_mode)
        for worker in self._road.workers:
            worker.start()
        if self.settings.greeting:
            self.say(self.settings.greeting, self.settings.greeting_interruptible)
        self._idle.restart(self.settings.idle_seconds)

    def receive_audio(self, chunk: bytes) -> None:
        """Take PCM from the microphone, 16 kHz mono, in pieces of any size; never blocks."""
        if not self._open:
            return
        chunk = self._microphone.whole(chunk)
        self._floor.mic_samples += len(chunk) // SAMPLE_WIDTH
        self._microphone.hear(chunk)

    def broadcast_interrupt(self) -> bool:
        """Call off everything in flight, at once; False when nothing could be interrupted.

        When it returns the voice is cleared and the transcript holds what was heard.
        """
        return self._floor.interrupt("requested")

    def hold(self, reason: str) -> None:
        """Pause the voice, whatever it says or is about to say, until `resume`."""
        self._floor.hold(reason)

    def resume(self, reason: str) -> None:
        """Let the voice go on from the same sample."""
        self._floor.resume(reason)

    def say(self, text: str, is_interruptible: bool = True, *, ends_call: bool = False) -> None:
        """Speak `text` as an answer of the bot's that nobody asked for."""
        response = GeneratedResponse(BaseMessage(text), is_interruptible, ends_call)
        self._road.say(AgentResponse(response, turn=self.turn, is_last=True))

    def change(self, **settings: Any) -> None:
        """Change settings, in force from the next turn on.

        `synthesizer=` may be among them: another voice from the next answer on.

        Raises:
            ConfigError: an unknown setting or an impossible value; nothing is changed then.
        """
        named = {key: value for key, value in settings.items() if key != "synthesizer"}
        waiting = {key: value for key, value in self._pending.items() if key != "synthesizer"}
        self.settings.changed(**(waiting | named))
        self._pending.update(settings)
        if self.bot() is Bot.IDLE:
            self._apply_changes()

    async def terminate(self, drain_seconds: float = 0.5, *, reason: str = "terminated") -> None:
        """Stop: what plays may play on for `drain_seconds`, then every worker is stopped in road
        order.

        Safe at any time and more than once; the trace keeps the first `reason`. 0 stops at once.
        """
        await asyncio.shield(self._end(reason, drain_seconds))

    @property
    def is_human_speaking(self) -> bool:
        """Whether the user makes a sound that is speech."""
        return self._microphone.speech or (not self._microphone.has_vad and bool(self._turns.text))

    @property
    def is_quiet(self) -> bool:
        """Whether nobody speaks and nothing is on its way: no words, no answer, no voice."""
        return not (self._floor.live or self._turns.text or self.is_human_speaking)

    @property
    def turn(self) -> int:
        """How many turns the user has had."""
        return self._floor.turn

    def bot(self) -> Bot:
        """What the bot is doing; speech that may not be interrupted counts as idle."""
        return self._floor.bot()

    @property
    def transcript(self) -> Transcript:
        """What was said, cut at what was heard."""
        return self.agent.transcript

    @property
    def mic_samples(self) -> int:
        """Samples received from the microphone."""
        return self._floor.mic_samples

    # Inside

    def _commit(self, said: Transcription, reason: str) -> TranscriptionAgentInput:
        """The user's turn is over: it enters the history and goes to the agent."""
        self._apply_changes()
        self._floor.take_turn(said.message)
        self.trace.record(TurnCommitted(said.message, reason, turn=self.turn))
        message = self.transcript.add_human_message(said.message)
        ends_call = ends_the_call(said.message, self.settings.end_phrases)
        event = TranscriptionAgentInput(
            said, self.id, turn=self.turn, message=message, ends_call=ends_call
        )
        event.list_in(self._floor.live)
        return event

    def _user_active(self) -> None:
        self._idle.user_spoke()
        self._idle.restart(self.settings.idle_seconds)

    def _wire(self) -> None:
        speaking = self._speaking
        self._listening.on_activity = self._user_active
        self._road.answering.on_failure = self._answer_failed
        speaking.on_playing = self._plays
        speaking.settling.on_cut = self._was_cut
        speaking.on_finished = self._was_played
        speaking.on_failure = self._speech_failed

    def _plays(self, message: Message | None) -> None:
        if message is not None:
            self.agent.speaking = message
        self._microphone.deafen(message is not None and self.settings.echo == "mute")
        self._idle.restart(None if message is not None else self.settings.idle_seconds)

    def _was_cut(self, message: Message, heard: str) -> None:
        if self.agent.speaking is message:
            self.agent.update_last_bot_message_on_cut_off(heard)

    def _was_played(self, speech: SpeechEvent) -> None:
        if speech.payload.ends_call:
            nudged = self._idle.times > len(self.settings.idle_prompts)
            self._end("idle" if nudged else "goodbye")

    def _speech_failed(self, speech: SpeechEvent) -> None:
        answer = speech.payload.answer
        answer.cancel()  # nobody will hear the rest
        self._answer_failed(answer)

    def _answer_failed(self, answer: AgentResponse) -> None:
        if answer.asked is not None:
            answer.asked.cancel()  # nobody will read the rest
        if self.settings.apology and not answer.is_apology:
            response = GeneratedResponse(BaseMessage(self.settings.apology))
            self._road.say(AgentResponse(response, turn=self.turn, is_last=True, is_apology=True))

    def _silence_lasts(self, times: int) -> bool:
        """Break the silence; False when there is none."""
        self._idle.restart(self.settings.idle_seconds)
        if self.bot() is not Bot.IDLE or not self.is_quiet:
            return False
        prompts = self.settings.idle_prompts
        if times <= len(prompts):
            self.say(prompts[times - 1])
        elif times == len(prompts) + 1:
            self.say(self.settings.goodbye, ends_call=True)
        else:
            self._end("idle")  # not even the goodbye could be said
        return True

    def _end(self, reason: str, drain_seconds: float = 0.0) -> asyncio.Task[None]:
        """Begin to end the conversation, once; a task of its own, so that a worker may ask."""
        if self._closing is None:
            self.end_reason = reason
            self._closing = spawn(self._close(drain_seconds), name="conversation ends")
        return self._closing

    def _apply_changes(self) -> None:
        if not self._pending:
            return
        changes, self._pending = self._pending, {}
        synthesizer = changes.pop("synthesizer", None)
        if synthesizer is not None:
            prepare(synthesizer, self.output_device.sampling_rate, self.settings.response_mode)
            self._retired.append(self.synthesizer)
            self.synthesizer = self._road.answering.synthesizer = synthesizer
        self.settings = self.settings.changed(**changes)
        self._road.change(self.settings)
        if any(name.startswith("vad_") for name in changes):
            self._microphone.renew(self.settings)
        self.trace.record(SettingsChanged(self._shown_settings(), turn=self.turn))

    def _shown_settings(self) -> dict[str, Any]:
        return self.settings.shown() | shown(self.transcriber, self.agent, self.synthesizer)

    async def _close(self, drain_seconds: float) -> None:
        self._open = False
        self._idle.stop()
        await self._drain(drain_seconds)
        await close_all(self._road.workers, WORKERS_STOP_SECONDS)
        for event in tuple(self._floor.live):
            event.done()
        voices = (*self._retired, self.synthesizer)
        backups = backups_of(self.transcriber, self.agent, *voices)
        outside = (*voices, *backups, self.output_device)
        await close_all(outside, CONNECTIONS_CLOSE_SECONDS)
        self.trace.record(ConversationEnded(self.end_reason, turn=self.turn))
        self.ended.set()

    async def _drain(self, seconds: float) -> None:
        until = clock.now() + seconds
        while self._floor.live and clock.now() < until and not self._speaking.held:
            await clock.sleep(min(self.settings.chunk_seconds, max(0.0, until - clock.now())))
