"""The user's words in, a scripted answer out at a language model's pace."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from math import ceil
from typing import Any

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.providers.front_desk import FrontDeskAgent
from bench.providers.simulated import broken, faults_of, named, refuse, simulation_of
from bench.simulation.context import Answer
from bench.simulation.faults import BREAKS, REFUSALS, Fault, FaultWatch
from bench.simulation.latency import correlated
from bench.simulation.profiles import profile

LETTERS_PER_TOKEN = 4  # of English, about
TOKENS_PER_MESSAGE = 4  # that frame it in a prompt


def tokens_in(text: str) -> int:
    """About how many tokens a text has: one for every four characters, rounded up."""
    return ceil(len(text) / LETTERS_PER_TOKEN)


class SimulatedAgent(FrontDeskAgent):
    """A simulated language model: the pace and the faults of a profile, the words of a script.

    `agent_config` holds `llmProvider` (`sim:…`) and may hold `simulation`: the first of its replies
    whose match is in the user's words is the answer, else the front desk answers. The first word
    comes with the first token, each further one with its last. `usage` counts tokens by
    `tokens_in`, of the whole transcript for the prompt, and says with `estimated` that it does.
    """

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        config = agent_config or {}
        name = named(config, "llmProvider")
        self._simulation = simulation_of(config)
        self.profile = profile(name, self._simulation.overrides.get(name), role="llm")
        self.provider = f"sim:{self.profile.id}"
        self.model = self.profile.id
        if self._simulation.replies:
            self.greeting = None
        self._watch = FaultWatch(faults_of(config), "llm")

    def is_complete(self, text: str) -> bool:
        """What the front desk finds, where it is the one who answers."""
        return self._fixed(text) is None and super().is_complete(text)

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The answer, word by word."""
        began_at = clock.now()
        text, ends_call = self._answer_to(human_input)
        answer = self._simulation.answering(self.turn, text)
        await self._refuse(answer)
        factor = self._slowness(answer)
        words, told = text.split(), 0
        fault = self._break(answer)
        point = _point(fault, tokens_in(text))
        draws, profile = self._simulation.draws, self.profile
        first = profile.first_token.draw(draws, answer.key, "llm.first_token", 0) * factor
        luck = correlated(draws, profile.rho, answer.key, "llm.token", 0)
        seconds_per_token = factor / profile.tokens_per_second.at(-luck)
        usage = {"prompt_tokens": self._prompt_tokens(), "estimated": 1}
        due_at = began_at + first
        for number, word in enumerate(words, 1):
            piece = word if number == 1 else f" {word}"
            if fault is not None and told >= point:
                due_at += await self._suffer(fault, began_at)
                fault = None
            if number > 1:
                due_at += tokens_in(piece) * seconds_per_token
            await clock.sleep_until(due_at)
            told += tokens_in(piece)
            is_last = number == len(words)
            done = usage | {"completion_tokens": told} if is_last else None
            yield GeneratedResponse(BaseMessage(piece), ends_call=ends_call and is_last, usage=done)

    def _fixed(self, words: str) -> str | None:
        fitting = (reply.say for reply in self._simulation.replies if reply.fits(words))
        return next(fitting, None)

    def _answer_to(self, human_input: str) -> tuple[str, bool]:
        """The text, single-spaced, and whether it ends the call."""
        fixed = self._fixed(human_input)
        if fixed is not None:
            return " ".join(fixed.split()), False
        reply = self._reply(human_input)
        return " ".join(f"{self._caught_up} {reply.text}".split()), reply.ends_call

    def _prompt_tokens(self) -> int:
        log = self.transcript.event_logs
        return sum(tokens_in(message.text) + TOKENS_PER_MESSAGE for message in log)

    async def _refuse(self, answer: Answer) -> None:
        fault = self._watch.find(REFUSALS, turn=answer.turn, step=answer.step)
        if fault is not None:
            self._watch.fired(fault)
            await refuse(fault, self.provider)

    def _slowness(self, answer: Answer) -> float:
        fault = self._watch.find(("slow",), turn=answer.turn, step=answer.step)
        if fault is None:
            return 1.0
        self._watch.fired(fault)
        return fault.factor

    def _break(self, answer: Answer) -> Fault | None:
        return self._watch.find(BREAKS, turn=answer.turn, step=answer.step)

    async def _suffer(self, fault: Fault, began_at: float) -> float:
        """Seconds of silence, or an error."""
        self._watch.fired(fault)
        if fault.kind == "stall":
            return fault.for_seconds
        raise broken(fault, self.provider, began_at)


def _point(fault: Fault | None, tokens: int) -> float:
    """After how many tokens it breaks: a stall at once unless it says so, others half-way."""
    if fault is None or fault.point is not None:
        return fault.point or 0.0 if fault else 0.0
    return 0.0 if fault.kind == "stall" else tokens / 2
