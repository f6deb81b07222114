"""The real services, with real keys: a sentence spoken, heard and answered, for next to nothing.

Never by default: `pytest -m live tests/live`, with the keys in the environment or in `.env`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from bench import clock, config
from bench.audio import read_wav
from bench.engine.agent import BaseAgent
from bench.engine.tools import ToolCall
from bench.engine.worker import spawn
from bench.errors import ProviderError, Rejected
from bench.settings import Secret
from bench.trace import Trace
from tests.contracts.case import Case, named
from tests.contracts.each import each
from tests.contracts.served import CHUNK, errors_of, heard, places, plain, said_aloud, spoken

pytestmark = pytest.mark.live

AUDIO = Path(__file__).parents[2] / "scenarios" / "audio"
SENTENCE = "We are open from nine to five on weekdays."
QUESTION = "Answer with one word: what colour is grass?"
PATIENCE_SECONDS = 20.0
FRAME = 640  # bytes: 20 ms
PLACE_SECONDS = 0.3  # by which two recognisers may differ over where a word lies
A_FILE = "GOOGLE_APPLICATION_CREDENTIALS"  # names one, and is no key itself


def live(case: Case, *, wrong: str = "", **settings: Any) -> Any:
    """The adapter at its vendor's own address, with the keys there are, or a `wrong` one."""
    if case.missing:
        pytest.skip(case.missing)
    keys = config.read_keys()
    if lacking := [name for name in case.row.wanted({}) if not keys.get(name)]:
        pytest.skip(f"set {' and '.join(lacking)}")
    if wrong and case.key is not None:
        keys |= {case.key: Secret(wrong)}
    adapter = named(case.adapter)({**case.config, **settings, "keys": keys})
    adapter.trace = Trace()
    return adapter


def sentence() -> tuple[bytes, list[tuple[str, int, int]]]:
    """The sentence as the scenarios have it: its PCM and where its words lie."""
    for path in sorted(AUDIO.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        if told["text"] == SENTENCE:
            words = [(plain(word), begin, end) for word, begin, end in told["words"]]
            return read_wav(path.with_suffix(".wav"))[0], words
    raise AssertionError(f"no sound says {SENTENCE!r}")


async def listened(listener: Any) -> tuple[list[Any], list[BaseException]]:
    """What a service makes of the sentence; what went wrong, instead, ends it."""
    pcm, _ = sentence()
    errors, said = errors_of(listener), list[Any]()
    listener.start()

    async def speak() -> None:
        sound = pcm + bytes(2 * 16_000 * round(PATIENCE_SECONDS))
        for start in range(0, len(sound), FRAME):
            listener.send_audio(sound[start : start + FRAME])
            await clock.sleep(FRAME / 32_000)

    speaker = spawn(speak(), name="microphone")
    try:
        async with clock.deadline(PATIENCE_SECONDS):
            while not errors and "weekdays" not in plain(" ".join(o.message for o in finals(said))):
                await clock.sleep(0.05)
                said += heard(listener)
    finally:
        speaker.cancel()
        await listener.terminate()
    return said, errors


def finals(said: list[Any]) -> list[Any]:
    return [one for one in said if one.is_final]


async def answered(agent: BaseAgent) -> str:
    """The answer to the question."""
    agent.start()
    agent.transcript.add_human_message(QUESTION)
    try:
        responses = agent.generate_response(QUESTION, False, "")
        return "".join([response.message.text async for response in responses])
    finally:
        await agent.terminate()


async def with_a_tool(agent: BaseAgent) -> str:
    """The answer to a question that only a tool can answer, or what went wrong."""

    @agent.tools.add
    def colour_of(plant: str) -> str:
        """The colour of a plant in the caller's garden."""
        return f"{plant} is purple"

    agent.transcript.add_bot_message("Good morning.")
    agent.transcript.add_human_message("Tell me a story.")
    cut = agent.transcript.add_bot_message("Once upon a time there was a clock.")
    cut.settle("Once upon a", interrupted=True)
    asked = agent.transcript.add_human_message("Stop. Which colour has the grass in my garden?")
    agent.start()
    said, calls = "", list[ToolCall]()
    try:
        async with clock.deadline(PATIENCE_SECONDS):
            for _ in range(3):
                async for response in agent.generate_response(asked.text, True, ""):
                    said += response.message.text
                    calls += response.tool_calls
                asked.tools += [await agent.tools.run(call, 1.0) for call in calls]
                if not calls:
                    break
                calls.clear()
    except (ProviderError, TimeoutError) as error:
        return repr(error)
    finally:
        await agent.terminate()
    return said


@each("transcriber")
def test_a_sentence_is_heard_and_its_words_are_where_they_were_said(case: Case):
    listener = live(case)
    said, errors = clock.run(listened(listener))
    assert errors == []
    assert len(said) > len(finals(said))
    known = [place for one in finals(said) for place in places(one.words)]
    there = {word: begin for word, begin, _ in sentence()[1]}
    common = [(begin - there[word]) / 16_000 for word, begin, _ in known if word in there]
    assert len(common) >= len(there) - 3
    assert all(abs(seconds) < PLACE_SECONDS for seconds in common)


@each("transcriber")
def test_the_language_and_words_to_expect_are_taken(case: Case):
    listener = live(case, language="en", keyterms=("weekdays", "Herr Ober"))
    said, errors = clock.run(listened(listener))
    assert errors == []
    assert "weekdays" in plain(" ".join(one.message for one in finals(said)))


@each("llm")
def test_a_question_is_answered(case: Case):
    agent = live(case)
    assert "green" in clock.run(answered(agent)).lower()


@each("llm")
def test_every_model_that_is_offered_uses_a_tool(case: Case):
    """Thinking as little as it can, from a history as calls have it: the bot began, and was cut
    off."""
    agents = {model: live(case, llm_model=model) for model in case.row.models}

    async def main() -> dict[str, str]:
        return {model: await with_a_tool(agent) for model, agent in agents.items()}

    told = clock.run(main())
    assert {model: said for model, said in told.items() if "purple" not in said.lower()} == {}


@each("voice")
def test_a_sentence_is_spoken(case: Case):
    voice = live(case)

    async def main() -> bytes:
        try:
            return b"".join([chunk.chunk for _, chunk in await spoken(voice, SENTENCE)])
        finally:
            await voice.terminate()

    pcm = clock.run(main())
    assert 1.0 <= len(pcm) / 32_000 <= 8.0
    assert any(pcm[: -CHUNK or None])


@each("voice")
def test_a_text_is_spoken_while_it_is_written(case: Case):
    """Its end is written once something was heard, or was not for some seconds."""
    voice, beginning = live(case), f"{SENTENCE} On weekends, "
    if not voice.streams_text:
        pytest.skip("it is given whole sentences")

    async def main() -> tuple[int, str]:
        heard, samples = asyncio.Event(), 0

        async def texts() -> AsyncGenerator[str, None]:
            for place in range(0, len(beginning), 3):
                yield beginning[place : place + 3]
            with contextlib.suppress(TimeoutError):
                async with clock.deadline(2.0):
                    await heard.wait()
            yield "we are closed."

        try:
            result = await voice.create_streamed_speech(texts(), CHUNK)
            async for piece in result.chunk_generator:
                samples += len(piece.chunk) // 2
                heard.set()
            return samples, result.get_message_up_to(samples / 16_000)
        finally:
            await voice.terminate()

    samples, words = clock.run(main())
    assert 2.0 <= samples / 16_000 <= 12.0
    assert plain(words) == plain(f"{beginning}we are closed.")


@each()
def test_a_wrong_key_is_rejected(case: Case):
    if case.key is None or case.key == A_FILE:
        pytest.skip("there is no key to be wrong")
    adapter = live(case, wrong="wrong-0123456789abcdef")

    async def main() -> BaseException | None:
        if case.role == "transcriber":
            return (await listened(adapter))[1][0]
        try:
            if case.role == "llm":
                await answered(adapter)
                return None
            return await said_aloud(adapter, "Hello.")
        except ProviderError as error:
            return error
        finally:
            await adapter.terminate()

    assert isinstance(clock.run(main()), Rejected)
