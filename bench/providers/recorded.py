"""A cassette in, the agent and the voice of that session out: they do again what they did then.

What they are given must be what was recorded: another history or another text is told as such
(`Rejected`), since nobody knows what the provider would have made of it.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import ToolCall
from bench.errors import BrokenStream, ConfigError, Rejected
from bench.providers.cassette import (
    ANEW,
    EVENTS,
    FALLBACK,
    Answered,
    Cassette,
    Part,
    Spoke,
)
from bench.providers.known import RECORDED_PREFIX, Role
from bench.providers.recording import digest_of
from bench.settings import ALIASES

LEFT_SECONDS = 1.0  # longer than the caller who left is an end waited for
TURNS = 10  # of the loop, that a refusal or a transcription takes which takes no time
LONGEST_QUOTE = 60  # characters
_PARTS: dict[Role, str] = {"transcriber": "transcriber", "llm": "agent", "voice": "synthesizer"}


def cassette_of(config: Mapping[str, Any], setting: str, role: str) -> tuple[Path, Cassette, Part]:
    """The cassette that a config names for a setting (`recorded:FOLDER`), and who on it is meant.

    Who `stands_in` is the backup, if there was one; a `voice` chooses among several.

    Raises:
        ConfigError: there is none, or nobody in that role on it.
    """
    short = next(alias for alias, name in ALIASES.items() if name == setting)
    name = config.get(setting, config.get(short))
    if not isinstance(name, str) or not name.startswith(RECORDED_PREFIX):
        raise ConfigError(f"a recorded provider wants {setting}: recorded: and a cassette's folder")
    folder, cassette = _opened(name)
    parts = [part for part in cassette.parts.values() if part.role.startswith(role)]
    if not parts:
        there = ", ".join(cassette.parts) or "nobody"
        raise ConfigError(f"{name}: nobody was recorded as {role}; there are {there}: {ANEW}")
    backup = bool(config.get("stands_in"))
    alike = [part for part in parts if part.role.endswith(FALLBACK) == backup] or parts
    named = [part for part in alike if part.voice and part.voice == config.get("voice")]
    return folder, cassette, (named or alike)[0]


def backup_on(named: str, role: Role, fallback: str) -> str:
    """Who is to stand by for a provider: the cassette too, where `named` is one that has what the
    `fallback` of the same name did."""
    if not named.startswith(RECORDED_PREFIX):
        return fallback
    part = _opened(named)[1].parts.get(_PARTS[role] + FALLBACK)
    return named if part is not None and part.provider == fallback else fallback


def _opened(name: str) -> tuple[Path, Cassette]:
    folder = Path(name.removeprefix(RECORDED_PREFIX))
    path = folder / EVENTS
    written = path.stat().st_mtime_ns if path.is_file() else 0
    return folder, _read(folder, written)


@functools.lru_cache(maxsize=8)
def _read(folder: Path, written: int) -> Cassette:
    return Cassette.read(folder)


class RecordedAgent(BaseAgent):
    """Answers what it answered then. `agent_config` holds `llmProvider`: `recorded:FOLDER`."""

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        folder, self._cassette, part = cassette_of(agent_config or {}, "llmProvider", "agent")
        self.provider, self.model, self._name = part.provider, part.model, folder.name
        self._answers = self._cassette.of(Answered, part.role)

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The recorded answer to these words in this history, at its pace."""
        began_at = clock.now()
        asked = digest_of(self._cassette, self.transcript, human_input, is_interrupt=is_interrupt)
        answer = next((one for one in self._answers if one.asked == asked), None)
        if answer is None:
            raise Rejected(self.provider, self._misfit(human_input))
        self._answers.remove(answer)
        for at, told in answer.pieces:
            await wait_until(began_at + at)
            yield _response(told)
        await end_of(answer, self.provider, began_at)

    def _misfit(self, human_input: str) -> str:
        known = any(one.human_input == human_input for one in self._answers)
        why = "was asked after another history" if known else "was not asked"
        return f"{quoted(human_input)} {why} in {self._name}: {ANEW}"


async def wait_until(instant: float, *, turns: int = 0) -> None:
    """Wait for an instant so many microseconds after another, which a sum of floats may miss; for
    one that has come, so many turns of the loop, since whoever asked goes on meanwhile."""
    instant = round(instant, 6)
    if instant > clock.now():
        await clock.sleep_until(instant)
        return
    for _ in range(turns):
        await clock.sleep(0)


def quoted(text: str) -> str:
    """A text, or its beginning."""
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…")


async def end_of(event: Answered | Spoke, provider: str, began_at: float) -> None:
    """End as the recorded stream did.

    Raises:
        ProviderError: that of the recording; or nobody waited there, and somebody waits now.
    """
    await wait_until(began_at + event.ended_seconds, turns=TURNS if event.failed else 0)
    if event.failed is not None:
        raise event.failed.error(provider)
    if not event.whole:
        await clock.sleep(LEFT_SECONDS)
        raise BrokenStream(provider, f"the recording was interrupted here: {ANEW}")


def _response(told: Mapping[str, Any]) -> GeneratedResponse:
    rest = {name: value for name, value in told.items() if name not in ("text", "tool_calls")}
    calls = tuple(ToolCall(**call) for call in told.get("tool_calls", ()))
    return GeneratedResponse(BaseMessage(told["text"]), tool_calls=calls, **rest)
