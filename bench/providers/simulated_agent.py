"""The user's words in, a scripted answer out at a language model's pace."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import ToolCall, ToolResult
from bench.engine.transcript import Message, Sender
from bench.providers.front_desk import FrontDeskAgent
from bench.providers.simulated import broken, faults_of, named, refuse, simulation_of
from bench.simulation.context import RESULT, Answer, Reply
from bench.simulation.faults import BREAKS, REFUSALS, Fault, FaultWatch
from bench.simulation.latency import correlated
from bench.simulation.profiles import profile
from bench.simulation.tokens import tokens_in

TOKENS_PER_MESSAGE = 4  # that frame it in a prompt
_PIECE = re.compile(r"\s*\S+")


class SimulatedAgent(FrontDeskAgent):
    """A simulated language model: the pace and the faults of a profile, the words of a script.

    `agent_config` holds `llmProvider` (`sim:…`) and may hold `simulation`: the first of its replies
    whose match is in the user's words is the answer, else the front desk answers. The first word
    comes with the first token, each further one with its last. A reply with a tool has it called
    first, if the agent has one of that name. `usage` counts tokens by `tokens_in`, of the whole
    transcript for the prompt, and says with `estimated` that it does.
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
        """The answer, word by word, or a tool that it wants first."""
        began_at = clock.now()
        wish = self._wish(human_input)
        text, ends_call = ("", False) if wish is not None else self._answer_to(human_input)
        answer = self._simulation.answering(self.turn, text)
        await self._refuse(answer)
        factor = self._slowness(answer)
        pieces, told = _PIECE.findall(text if wish is None else f"{wish.name} {wish.arguments}"), 0
        fault = self._break(answer)
        point = _point(fault, tokens_in(text))
        draws, profile = self._simulation.draws, self.profile
        first = profile.first_token.draw(draws, answer.key, "llm.first_token", 0) * factor
        luck = correlated(draws, profile.rho, answer.key, "llm.token", 0)
        seconds_per_token = factor / profile.tokens_per_second.at(-luck)
        usage = {"prompt_tokens": self._prompt_tokens(), "estimated": 1}
        due_at = began_at + first
        for number, piece in enumerate(pieces, 1):
            if fault is not None and told >= point:
                due_at += await self._suffer(fault, began_at)
                fault = None
            if number > 1:
                due_at += tokens_in(piece) * seconds_per_token
            await clock.sleep_until(due_at)
            told += tokens_in(piece)
            is_last = number == len(pieces)
            done = usage | {"completion_tokens": told} if is_last else None
            if wish is None:
                ends = ends_call and is_last
                yield GeneratedResponse(BaseMessage(piece), ends_call=ends, usage=done)
            elif is_last:
                yield GeneratedResponse(BaseMessage(""), usage=done, tool_calls=(wish,))

    def _fixed(self, words: str) -> Reply | None:
        return next((reply for reply in self._simulation.replies if reply.fits(words)), None)

    def _wish(self, human_input: str) -> ToolCall | None:
        """The tool that is wanted first, as long as it has given nothing."""
        reply = self._fixed(human_input)
        offered = [tool.name for tool in self.tools]
        if reply is None or reply.tool not in offered or self._results():
            return None
        return ToolCall(f"call-{self.turn}", reply.tool, reply.arguments)

    def _results(self) -> list[ToolResult]:
        """What tools have given for the user's newest words."""
        newest: list[Message] = self.transcript.event_logs[-1:]
        return newest[0].tools if newest and newest[0].sender is Sender.HUMAN else []

    def _answer_to(self, human_input: str) -> tuple[str, bool]:
        """The text, single-spaced, and whether it ends the call."""
        fixed = self._fixed(human_input)
        if fixed is not None:
            results = ", ".join(result.text for result in self._results())
            return " ".join(fixed.say.replace(RESULT, results).split()), False
        reply = self._reply(human_input)
        return " ".join(f"{self._caught_up} {reply.text}".split()), reply.ends_call

    def _prompt_tokens(self) -> int:
        log = self.transcript.event_logs
        texts = [message.text for message in log]
        texts += [result.text for message in log for result in message.tools]
        return sum(tokens_in(text) + TOKENS_PER_MESSAGE for text in texts)

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
