"""The parts of a conversation in, those and their backups made ready, shown and closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from bench import clock
from bench.engine.agent import BaseAgent
from bench.engine.closing import Closable
from bench.engine.fallback import name_of
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.transcriber import BaseTranscriber
from bench.errors import redacted

Part = BaseTranscriber | BaseAgent | BaseSynthesizer

WARM_UP_SECONDS = 2.0
NOTHING_TO_WARM = (BaseTranscriber.warm_up, BaseAgent.warm_up, BaseSynthesizer.warm_up)

logger = logging.getLogger(__name__)


def prepare(synthesizer: BaseSynthesizer, rate: int, response_mode: str) -> None:
    """Have a voice and its backup speak at so many Hz, and know how answers will come to them."""
    for voice in (synthesizer, synthesizer.backup):
        if voice is not None:
            voice.sampling_rate, voice.will_stream = rate, response_mode == "tokens"


async def warm_up(*parts: Part) -> None:
    """Make parts and backups ready, side by side; one that is not ready by then, or fails, is let
    be: its first request will show."""
    cold = [part for part in _all(parts) if type(part).warm_up not in NOTHING_TO_WARM]
    if cold:
        await asyncio.gather(*(_warmed(part) for part in cold))


def shown(transcriber: Part, agent: Part, synthesizer: Part) -> dict[str, str]:
    """Their names by their roles, as settings are shown."""
    roles = {"transcriber": transcriber, "agent": agent, "synthesizer": synthesizer}
    names = {role: name_of(part) for role, part in roles.items()}
    backups = {role: part.backup for role, part in roles.items()}
    return names | {f"{role}_fallback": name_of(part) for role, part in backups.items() if part}


def backups_of(*parts: Part) -> list[Closable]:
    """The backups there are."""
    return [part.backup for part in parts if part.backup is not None]


def _all(parts: Iterable[Part]) -> list[Part]:
    backed = [(part, part.backup) for part in parts]
    return [one for pair in backed for one in pair if one is not None]


async def _warmed(part: Part) -> None:
    try:
        async with clock.deadline(WARM_UP_SECONDS):
            await part.warm_up()
    except Exception as error:  # what is wrong will be told, with its provider, when it is asked
        logger.warning("%s is not ready: %s", name_of(part), redacted(repr(error)))
