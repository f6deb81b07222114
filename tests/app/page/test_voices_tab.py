"""Voices compared: when their sound is heard, what it costs, who fails alone, and who was A."""

import asyncio
import csv
import io
import json
from collections.abc import Sequence

import pytest

from bench import clock
from bench.app.page.choices import offers
from bench.app.page.speaking import CHUNK_SECONDS, STALL_SECONDS, Spoken, pcm_of, speak, wav
from bench.app.page.voices_tab_candidates import Candidate, Price, candidate, candidates, price
from bench.app.page.voices_tab_shown import blind, results, tally
from bench.app.page.voices_tab_sounds import Sounds
from bench.app.page.voices_tab_takes import AT_ONCE, Comparison, Figures, Take, Voice, figures
from bench.app.page.voices_tab_votes import ANY, Ballot, Trial, drawn, levelled
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.errors import ConfigError, Rejected
from bench.metrics import sound
from bench.providers.handler import provider_states
from bench.settings import Secret
from bench.simulation import tone
from bench.testing import ToneSynthesizer

pytestmark = pytest.mark.unit

TEXT = "One two three four."
KNOWN = Price(0.05, "a list")


def named(name: str) -> Candidate:
    return Candidate(name, f"the voice {name}", name)


class Counted(ToneSynthesizer):
    """Tones; knows how many of its kind speak at once."""

    at_once = most = 0

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        Counted.at_once += 1
        Counted.most = max(Counted.most, Counted.at_once)
        await clock.sleep(0.3)
        Counted.at_once -= 1
        return await super().create_speech(message, chunk_size)


class Quiet(BaseSynthesizer):
    """Never says anything."""

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        await asyncio.Event().wait()
        raise AssertionError


class Closed(BaseSynthesizer):
    """Takes no request."""

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        raise Rejected("closed", "bad key: sk-abcdefgh12345678")


def comparison(voices: dict[str, BaseSynthesizer], sounds: Sounds) -> Comparison:
    async def make(of: Candidate) -> Voice:
        if of.name == "unknown":
            raise ConfigError("Unknown voice provider: unknown")
        return Voice(voices[of.name], KNOWN)

    chosen = [named(name) for name in [*voices, "unknown"]]
    return Comparison(TEXT, chosen, make, sounds, asyncio.Semaphore(AT_ONCE))


async def over(comparison: Comparison) -> None:
    while not comparison.over:
        await comparison.news.wait()


def test_one_voice_that_fails_stops_no_other_and_few_speak_at_once() -> None:
    async def main() -> tuple[Comparison, Sounds]:
        sounds = Sounds()
        voices: dict[str, BaseSynthesizer] = {f"tones {n}": Counted() for n in range(5)}
        compared = comparison(voices | {"quiet": Quiet(), "closed": Closed()}, sounds)
        await over(compared)
        return compared, sounds

    compared, sounds = clock.run(main(), virtual=True)
    states = {take.candidate.name: (take.state, take.why) for take in compared.takes}
    assert [state for state, _ in list(states.values())[:5]] == ["done"] * 5
    assert states["quiet"] == ("failed", "it took too long")
    assert states["closed"][0] == "failed"
    assert "sk-abc" not in states["closed"][1]
    assert "Unknown voice provider" in states["unknown"][1]
    assert Counted.most == AT_ONCE
    for take in compared.made:
        assert (sounds.find(take.sound) or b"").startswith(b"RIFF")
    shown = results(compared)
    assert "5 of 8 have spoken, 3 could not." in shown
    assert "$0.050" in shown


def test_a_comparison_that_is_stopped_keeps_what_was_made() -> None:
    async def main() -> Comparison:
        compared = comparison({"tones": ToneSynthesizer(), "quiet": Quiet()}, Sounds())
        await clock.sleep(1.0)
        compared.stop()
        await compared.ended()
        return compared

    compared = clock.run(main(), virtual=True)
    assert [take.state for take in compared.takes] == ["done", "failed", "failed"]
    assert compared.takes[1].why == "stopped"
    assert "stopped." in results(compared)


@pytest.mark.parametrize(
    ("arrivals", "sample", "heard_at"),
    [
        ([(0.2, 1600), (0.3, 16_000)], 0, 0.2),
        ([(0.2, 1600), (0.3, 16_000)], 800, 0.25),
        ([(0.2, 1600), (0.3, 16_000)], 1600, 0.3),
        ([(0.2, 1600), (0.5, 16_000)], 1600, 0.5),
        ([(0.2, 1600), (0.5, 3200), (0.9, 16_000)], 4800, 1.0),
    ],
)
def test_a_sample_is_heard_when_all_before_it_has_come_and_played(
    arrivals: Sequence[tuple[float, int]], sample: int, heard_at: float
) -> None:
    spoken = Spoken(bytes(32_000), 16_000, tuple(arrivals))
    assert spoken.heard_at(sample) == pytest.approx(heard_at)


def test_the_figures_of_a_sound() -> None:
    pcm = bytes(2 * 1600) + tone.speak(TEXT, 16_000, None)[0]
    samples = len(pcm) // 2
    spoken = Spoken(pcm, 16_000, ((0.5, samples),))
    told = figures(spoken)
    assert told.audible_seconds == pytest.approx(0.6, abs=0.02)
    assert told.real_time_factor == pytest.approx(0.5 * 16_000 / samples)
    assert told.loudness_db == sound.loudness_db(pcm)
    assert max(told.bars) == 1.0
    nothing = figures(Spoken(b"", 16_000, ()))
    assert (nothing.audible_seconds, nothing.real_time_factor, nothing.bars) == (None, None, ())


def test_a_voice_that_goes_quiet_in_the_middle_is_given_up() -> None:
    async def main() -> float:
        slow = ToneSynthesizer(real_time_factor=(STALL_SECONDS + 1.0) / CHUNK_SECONDS)
        began = clock.now()
        with pytest.raises(TimeoutError):
            await speak(slow, TEXT)
        return clock.now() - began

    assert clock.run(main(), virtual=True) < 10.0


def test_a_voice_goes_by_provider_voice_and_model() -> None:
    every = offers(provider_states({}), {}, {"ELEVENLABS_API_KEY": Secret("given")}, {})
    known = candidates(every)
    names = [one.name for one in known]
    assert names[0].startswith("elevenlabs/")
    assert not any(name.startswith(("azure", "polly", "google")) for name in names)
    assert "sim:polly-neural" in names
    custom = candidate("elevenlabs/my-own/id@eleven_v3", known)
    assert (custom.voice, custom.model) == ("my-own/id", "eleven_v3")
    assert custom.request["voiceFallback"] is None
    assert candidate(names[0], known) is known[0]
    for wrong in ("", "/voice", "a\nb", "x" * 400):
        with pytest.raises(ConfigError):
            candidate(wrong, known)


@pytest.mark.parametrize(
    ("name", "model", "usd"),
    [
        ("embedded/en-gb", None, 0.0),
        ("sim:elevenlabs-flash-v2.5", None, 0.05),
        ("sim:gradium-tts", None, None),
        ("elevenlabs/x", "eleven_flash_v2_5", 0.05),
        ("elevenlabs/x", "eleven_v3", None),
        ("google/en-US-Chirp3-HD-Charon", None, 0.03),
        ("azure/en-US-AvaMultilingualNeural", None, 0.016),
        ("azure/en-US-Ava:DragonHDLatestNeural", None, 0.022),
        ("polly/Amy", "neural", 0.016),
        ("polly/Amy", "long-form", None),
        ("playht/x", "PlayDialog", None),
    ],
)
def test_a_price_is_known_with_its_source_or_unknown(
    name: str, model: str | None, usd: float | None
) -> None:
    told = price(candidate(name, ()), model)
    assert told.usd == usd
    assert told.source


def takes(*names: str, sounds: Sounds | None = None) -> list[Take]:
    made: list[Take] = []
    for place, name in enumerate(names):
        loud = tone.speak(TEXT, 16_000, None)[0]
        pcm = b"".join(
            round(int.from_bytes(loud[i : i + 2], "little", signed=True) / (place + 1)).to_bytes(
                2, "little", signed=True
            )
            for i in range(0, len(loud), 2)
        )
        told = figures(Spoken(pcm, 16_000, ((0.1, len(pcm) // 2),)))
        take = Take(named(name), "done", figures=told, price=KNOWN)
        take.sound = sounds.keep(wav(pcm, 16_000)) if sounds is not None else ""
        made.append(take)
    return made


def test_who_is_a_is_decided_by_the_seed_alone_and_evenly() -> None:
    made = takes("x", "y", "z")
    pairs = [drawn(seed, made, "x", "z") for seed in range(200)]
    assert pairs == [drawn(seed, made[::-1], "x", "z") for seed in range(200)]
    first = sum(a.candidate.name == "x" for a, _ in pairs)
    assert 70 < first < 130
    any_pairs = {
        tuple(sorted((a.candidate.name, b.candidate.name)))
        for a, b in (drawn(seed, made, ANY, ANY) for seed in range(50))
    }
    assert any_pairs == {("x", "y"), ("x", "z"), ("y", "z")}
    for first_name, second in (("x", "x"), ("x", "gone"), (ANY, "gone")):
        with pytest.raises(ConfigError):
            drawn(1, made, first_name, second)
    with pytest.raises(ConfigError):
        drawn(1, made[:1], ANY, ANY)


def test_two_are_heard_at_the_level_of_the_softer_under_other_names() -> None:
    sounds = Sounds()
    loud, soft = takes("loud", "soft", sounds=sounds)
    first, second = levelled(loud, soft, sounds)
    assert {first, second}.isdisjoint({loud.sound, soft.sound})
    levels = [
        sound.loudness_db(pcm_of(found)[0])
        for name in (first, second)
        if (found := sounds.find(name)) is not None
    ]
    assert soft.figures is not None
    assert levels == pytest.approx([soft.figures.loudness_db] * 2, abs=0.05)
    sounds.drop(soft.sound)
    with pytest.raises(ConfigError, match="not kept any more"):
        levelled(loud, soft, sounds)


def test_votes_are_counted_for_each_pair_and_taken_home() -> None:
    ballot = Ballot()
    x, y = takes("=x", "y")
    for seed, (a, b, vote) in enumerate(
        [(x, y, "A"), (y, x, "A"), (y, x, "B"), (x, y, "no difference")]
    ):
        ballot.trial = Trial(seed, TEXT, a, b, ("one", "other"))
        shown = blind(ballot, None, {})
        assert "=x" not in shown
        assert "the voice" not in shown
        ballot.vote(vote)  # pyright: ignore[reportArgumentType]
    assert ballot.tally() == {("=x", "y"): (2, 1, 1)}
    assert "<td>2</td><td>1</td><td>1</td>" in tally(ballot, {})
    rows = list(csv.DictReader(io.StringIO(ballot.as_csv())))
    assert [row["vote"] for row in rows] == ["A", "A", "B", "no difference"]
    assert rows[0]["a"] == "'=x"  # no formula
    content = json.loads(ballot.as_json())
    assert [vote["preferred"] for vote in content["votes"]] == ["=x", "y", "=x", ""]
    assert content["pairs"][0]["votes"] == {"=x": 2, "y": 1, "no difference": 1}
    with pytest.raises(ConfigError, match="nothing to vote on"):
        ballot.vote("A")
    assert blind(ballot, ballot.votes[0], {"=x": "<b>"}).count("&lt;b&gt;") == 2


def test_sounds_make_room_for_newer_ones() -> None:
    sounds = Sounds(most_bytes=100)
    first, second = sounds.keep(bytes(60)), sounds.keep(bytes(30))
    assert sounds.find(first)
    third = sounds.keep(bytes(50))
    assert sounds.find(first) is None
    assert sounds.find(second)
    sounds.drop(second, "unknown")
    assert sounds.find(second) is None
    assert len(sounds.find(third) or b"") == 50


def test_what_is_shown_is_text() -> None:
    take = Take(Candidate("<i>", "<script>", "embedded"), "done", price=Price(None, "?"))
    take.figures = Figures(0.1, 0.2, 1.0, -20.0, (1.0,))
    take.sound = "name"

    class Shown:
        takes, text, stopped, made = [take], "<b>", False, [take]

    shown = results(Shown())  # pyright: ignore[reportArgumentType]
    assert "<script>" not in shown
    assert "&lt;b&gt;" in shown
    assert "unknown" in shown
