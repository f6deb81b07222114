"""A scenario in, its speech out: every line spoken once, by espeak-ng, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, silence
from bench.engine.sentences import Sentences
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.events import Word
from bench.replay.document import ScenarioError
from bench.replay.scenario import Scenario, Voice
from bench.replay.speech_store import Rendered, audible, keep, parts_of, path_of, spoken
from bench.speech.espeak import Espeak

WORDS_PER_MINUTE = 165  # at speed 1.0


BotSpeech = Callable[[str], tuple[bytes, tuple[Word, ...]] | None]


class Line(NamedTuple):
    """A text to be spoken, by whom, and what the file calls it."""

    text: str
    voice: Voice
    name: str


async def render(
    scenario: Scenario, *, anew: bool = False, tell: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Speak what has not been spoken yet (everything, with `anew`); returns the sounds written.

    Raises:
        ConfigError: the engine does not know the voice, or finds nothing to say in a text.
    """
    written: list[Path] = []
    for line in lines_of(scenario):
        path = path_of(scenario, line.text, line.voice)
        if path in written or (path.is_file() and path.with_suffix(".json").is_file() and not anew):
            continue
        tell(f"{scenario.id}: {line.name}")
        try:
            pcm, words = await speak(line.text, line.voice)
        except ConfigError as error:
            raise ScenarioError(scenario.path or "", 0, line.name, str(error)) from None
        keep(path, pcm, words, line.text, line.voice)
        written.append(path)
    return written


def lines_of(scenario: Scenario) -> Iterator[Line]:
    """All that has to be rendered: what the user says, and the bot when it has a rendered voice."""
    for step in scenario.script:
        if step.say:
            yield Line(step.say, step.voice or scenario.setup.voice, step.id)
    if scenario.bot_voice is not None:
        for text in bot_texts(scenario):
            yield Line(text, scenario.bot_voice, "bot")


def bot_texts(scenario: Scenario) -> tuple[str, ...]:
    """All that the bot may have spoken in one go: sentences, or whole texts when buffered."""
    settings = ConversationSettings().changed(**scenario.setup.settings)
    said = scenario.answers
    said += [settings.greeting or "", *settings.idle_prompts, settings.goodbye]
    said.append(settings.apology or "")
    texts: list[str] = []
    for text in said:
        sentences = Sentences()
        cut = [*sentences.feed(text), sentences.flush()]
        texts += [text.strip()] if settings.response_mode == "buffered" else cut
    return tuple(dict.fromkeys(text for text in texts if any(map(str.isalnum, text))))


def rendered_bot(scenario: Scenario) -> dict[str, Rendered]:
    """The bot's rendered speech by its texts; empty when the synthesizer is to speak itself.

    Raises:
        ConfigError: some of it has not been rendered.
    """
    if scenario.bot_voice is None:
        return {}
    voice = scenario.bot_voice
    return {text: spoken(scenario, text, voice) for text in bot_texts(scenario)}


def bot_speech(scenario: Scenario) -> BotSpeech | None:
    """What says a text with the bot's rendered speech, as a simulated synthesizer takes it
    (`speech`); it answers None to a text that was not rendered. None: the bot has no such voice.

    Raises:
        ConfigError: some of it has not been rendered.
    """
    kept = rendered_bot(scenario)
    if not kept:
        return None

    def said(text: str) -> tuple[bytes, tuple[Word, ...]] | None:
        sound = kept.get(text)
        return (sound.pcm, sound.words) if sound is not None else None

    return said


async def speak(text: str, voice: Voice) -> tuple[bytes, list[Word]]:
    """A text with its pauses as 16 kHz PCM without silence at its ends, and where its words lie.

    Every part is spoken by an engine of its own, since one that has spoken before speaks the same
    text a little differently.
    """
    pcm, words = bytearray(), list[Word]()
    for part in parts_of(text):
        sound, said = await _speak_part(part.text, voice)
        begun = len(pcm) // SAMPLE_WIDTH
        words += [
            Word(word.text, word.start_sample + begun, word.end_sample + begun) for word in said
        ]
        pcm += sound + silence(round(part.pause_seconds * SAMPLE_RATE))
    return bytes(pcm), words


async def _speak_part(text: str, voice: Voice) -> tuple[bytes, list[Word]]:
    engine = Espeak()
    pcm, words = bytearray(), list[Word]()
    try:
        speech = engine.speak(
            text,
            voice=voice.name,
            words_per_minute=round(WORDS_PER_MINUTE * voice.speed),
            pitch=voice.pitch,
            end_pause_seconds=0.0,
        )
        async for chunk in speech:
            pcm += chunk.pcm
            words += chunk.words
    finally:
        engine.close()
    first, last = audible(np.frombuffer(bytes(pcm), dtype="<i2"))
    if first == last:
        raise ConfigError(f"there is nothing to say in {text!r}")
    return bytes(pcm[2 * first : 2 * last]), [_within(word, first, last) for word in words]


def _within(word: Word, first: int, last: int) -> Word:
    start, end = (min(max(at, first), last) - first for at in (word.start_sample, word.end_sample))
    return Word(word.text, start, end)
