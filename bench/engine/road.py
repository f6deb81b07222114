"""Three parts and a loudspeaker in, the five workers between them out, joined by their queues."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bench.engine.agent import AgentResponse, BaseAgent, TranscriptionAgentInput
from bench.engine.answering import AgentResponsesWorker, SpeechEvent
from bench.engine.fallback import name_of
from bench.engine.floor import Floor
from bench.engine.listening import TranscriptionsWorker
from bench.engine.output import OutputDevice
from bench.engine.settings import ConversationSettings
from bench.engine.speaking import SynthesisResultsWorker
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.turns import TurnTaker
from bench.engine.worker import QUEUE_SIZE, BaseWorker
from bench.trace import Trace

Commit = Callable[[Transcription, str], TranscriptionAgentInput]

logger = logging.getLogger(__name__)


class Road:
    """The road of a conversation: `workers` in their order, and the floor on which they meet.

    `commit` makes an agent's input of the user's turn, once `turns` finds that it is over.
    """

    def __init__(
        self,
        transcriber: BaseTranscriber,
        agent: BaseAgent,
        synthesizer: BaseSynthesizer,
        device: OutputDevice,
        *,
        settings: ConversationSettings,
        trace: Trace,
        turns: TurnTaker,
        commit: Commit,
    ) -> None:
        speeches: asyncio.Queue[SpeechEvent] = asyncio.Queue(QUEUE_SIZE)
        self.turns, self.agent = turns, agent
        self.answering = AgentResponsesWorker(agent.output_queue, speeches, synthesizer, settings)
        self.speaking = SynthesisResultsWorker(speeches, device, agent.transcript, settings)
        self.floor = Floor(self.speaking, settings, trace.record)
        self.listening = TranscriptionsWorker(
            transcriber.output_queue, agent.input_queue, self.floor, turns, commit
        )
        self.workers: tuple[BaseWorker, ...] = (
            transcriber,
            self.listening,
            agent,
            self.answering,
            self.speaking,
        )
        for worker in self.workers:
            worker.trace = trace
        agent.settings = settings
        self._wire(transcriber)

    def change(self, settings: ConversationSettings) -> None:
        """Have everybody go by new settings."""
        for part in (self.turns, self.floor, self.agent, self.answering, self.speaking):
            part.settings = settings

    def say(self, answer: AgentResponse) -> None:
        """Put an answer that nobody gave on its way to the voice."""
        answer.list_in(self.floor.live)
        try:
            self.agent.output_queue.put_nowait(answer)
        except asyncio.QueueFull:
            answer.done()
            logger.error("too much to say already; left out %d letters", len(answer.message.text))

    def _wire(self, transcriber: BaseTranscriber) -> None:
        live, listening = self.floor.live, self.listening
        self.agent.settled = self.speaking.settled
        self.agent.on_answer = lambda answer: answer.list_in(live)
        self.answering.on_speech = lambda speech: speech.list_in(live)
        self.floor.on_interrupted = listening.interrupted
        listening.provider = name_of(transcriber)

        def others_listen(other: BaseTranscriber) -> None:
            listening.provider = name_of(other)

        transcriber.on_takeover = others_listen
