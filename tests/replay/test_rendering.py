"""Speech rendered once: the same text and voice in the same file, to the byte, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import clock
from bench.audio import SAMPLE_RATE, write_wav
from bench.errors import ConfigError
from bench.replay.document import ScenarioError
from bench.replay.reading import read
from bench.replay.rendering import bot_speech, bot_texts, render, rendered_bot
from bench.replay.scenario import Scenario, Voice
from bench.replay.speech_store import QUIET, Rendered, path_of, rendered, spoken

pytestmark = pytest.mark.unit


def scenario(folder: Path, script: str, more: str = "", name: str = "a") -> Scenario:
    path = folder / f"{name}.yaml"
    path.write_text(f"scenario: 1\nid: {name}\n{more}\nscript:\n{script}\n")
    return read(path)


def sound(folder: Path, script: str, more: str = "", name: str = "a") -> Rendered:
    said = scenario(folder, script, more, name)
    clock.run(render(said))
    return rendered(said, said.script[0])


HELLO = '  - {id: hi, say: "Hello there.", at: {time: 0.5}}'


def test_words_lie_in_a_sound_that_begins_and_ends_with_them(tmp_path: Path) -> None:
    hello = sound(tmp_path, HELLO)
    samples = np.abs(np.frombuffer(hello.pcm, dtype="<i2").astype(int))
    assert [word.text for word in hello.words] == ["Hello", "there."]
    assert (hello.first_audible, hello.last_audible) == (0, samples.size)
    assert min(samples[0], samples[-1]) > QUIET
    assert hello.words[0].start_sample == 0
    assert hello.words[-1].end_sample == samples.size
    assert 0.4 < samples.size / SAMPLE_RATE < 1.5


def test_a_pause_is_exactly_as_long_as_it_says(tmp_path: Path) -> None:
    said = sound(tmp_path, '  - {id: hi, say: "Hello <pause 900ms> there.", at: {time: 0.5}}')
    first, second = said.words
    between = said.pcm[2 * first.end_sample : 2 * second.start_sample]
    assert len(between) == 2 * round(0.9 * SAMPLE_RATE)
    assert not any(between)
    assert said.last_audible == len(said.pcm) // 2


def test_the_same_text_and_voice_are_the_same_bytes_wherever_they_are_spoken(
    tmp_path: Path,
) -> None:
    both = [tmp_path / "one", tmp_path / "two"]
    for folder in both:
        folder.mkdir()
    other = '  - {id: first, say: "Something else first.", at: {time: 0.5}}\n'
    one = sound(both[0], HELLO)
    said = scenario(both[1], other + HELLO)
    clock.run(render(said))
    two = rendered(said, said.script[1])
    assert one == two
    names = [sorted(path.name for path in (folder / "audio").iterdir()) for folder in both]
    assert set(names[0]) < set(names[1])


def test_every_part_of_a_voice_makes_another_sound(tmp_path: Path) -> None:
    said = scenario(tmp_path, HELLO)
    voices = [Voice(), Voice(speed=1.1), Voice(pitch=60), Voice("en-gb")]
    assert len({path_of(said, "Hello there.", voice) for voice in voices}) == 4
    assert path_of(said, "Hello", Voice()) != path_of(said, "Hello there.", Voice())


def test_what_is_rendered_is_not_rendered_again(tmp_path: Path) -> None:
    said = scenario(tmp_path, HELLO + "\n" + HELLO.replace("hi", "again"))
    told: list[str] = []
    assert len(clock.run(render(said, tell=told.append))) == 1
    assert told == ["a: hi"]
    assert clock.run(render(said, tell=told.append)) == []
    assert len(clock.run(render(said, anew=True))) == 1


def test_speech_that_is_not_there_says_what_to_run(tmp_path: Path) -> None:
    said = scenario(tmp_path, HELLO)
    with pytest.raises(ScenarioError) as caught:
        rendered(said, said.script[0])
    assert str(caught.value) == (
        f"{said.path}:5: hi: 'Hello there.' has not been rendered; "
        f"run: talkbench scenario render {said.path}"
    )


def test_a_voice_that_nobody_has_is_told_with_the_step(tmp_path: Path) -> None:
    said = scenario(tmp_path, HELLO, "setup: {voice: {name: en-xx}}")
    with pytest.raises(ScenarioError, match=r"a\.yaml: hi: .*en-xx"):
        clock.run(render(said))


@pytest.mark.parametrize(
    "told",
    ["", "[]", "{}", '{"text": "Hello there."}', '{"text": "x", "words": [["a", 3, 2]]}', "\x00"],
)
def test_a_damaged_description_is_told(tmp_path: Path, told: str) -> None:
    said = scenario(tmp_path, HELLO)
    clock.run(render(said))
    path = path_of(said, "Hello there.", Voice()).with_suffix(".json")
    path.write_text(told)
    with pytest.raises(ConfigError, match="describes no sound"):
        rendered(said, said.script[0])


def test_a_description_of_other_words_is_told(tmp_path: Path) -> None:
    said = scenario(tmp_path, HELLO)
    clock.run(render(said))
    path = path_of(said, "Hello there.", Voice()).with_suffix(".json")
    path.write_text(path.read_text().replace("Hello there.", "Goodbye."))
    with pytest.raises(ConfigError, match="holds other words"):
        rendered(said, said.script[0])


def test_the_bots_fixed_answers_are_rendered_as_the_engine_cuts_them(tmp_path: Path) -> None:
    bot = (
        "bot: {voice: rendered, replies: [{match: '*', say: 'One two. Three four.'}]}\n"
        "setup: {settings: {idle_prompts: ['Still there?'], goodbye: 'Bye.', apology: null}}"
    )
    said = scenario(tmp_path, HELLO, bot)
    assert bot_texts(said) == ("One two.", "Three four.", "Still there?", "Bye.")
    with pytest.raises(ScenarioError, match=r"bot: 'One two\.' has not been rendered"):
        rendered_bot(said)
    clock.run(render(said))
    assert list(rendered_bot(said)) == list(bot_texts(said))
    speech = bot_speech(said)
    assert speech is not None
    pcm, words = speech("Three four.") or (b"", ())
    assert [word.text for word in words] == ["Three", "four."]
    assert words[-1].end_sample * 2 == len(pcm)
    assert speech("Nobody rendered this.") is None


def test_a_bot_without_a_rendered_voice_speaks_as_its_synthesizer_does(tmp_path: Path) -> None:
    assert bot_speech(scenario(tmp_path, HELLO)) is None


def test_a_buffered_answer_is_rendered_whole(tmp_path: Path) -> None:
    bot = (
        "bot: {voice: rendered, replies: [{match: '*', say: 'One two. Three four.'}]}\n"
        "setup: {settings: {response_mode: buffered}}"
    )
    assert bot_texts(scenario(tmp_path, HELLO, bot))[0] == "One two. Three four."


def test_a_played_sounds_words_are_spread_over_it_unless_they_are_described(tmp_path: Path) -> None:
    quiet, loud = b"\0\0" * 1600, b"\x00\x10" * 9000
    write_wav(tmp_path / "x.wav", quiet + loud + quiet)
    played = '  - {id: hi, play: x.wav, text: "one three", at: {time: 0}}'
    said = scenario(tmp_path, played)
    one, three = rendered(said, said.script[0]).words
    assert (one.start_sample, one.end_sample) == (1600, 1600 + 9000 * 3 // 8)
    assert (three.start_sample, three.end_sample) == (one.end_sample, 10600)
    (tmp_path / "x.json").write_text(json.dumps({"words": [["one", 1700, 2000]]}))
    (word,) = rendered(said, said.script[0]).words
    assert (word.text, word.start_sample, word.end_sample) == ("one", 1700, 2000)


def test_speech_is_read_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = scenario(tmp_path, HELLO)
    clock.run(render(said))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("bench.replay.rendering.Espeak", None)
    assert spoken(said, "Hello there.", Voice()).words
