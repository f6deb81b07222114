"""espeak-ng's audio and word times, and what becomes of them when somebody stops listening."""

import array
import itertools
import os
import signal

import pytest

from bench import clock
from bench.errors import BrokenStream, ConfigError, ConnectFailed
from bench.events import Word
from bench.speech.espeak import VOICES, Espeak, SpokenChunk
from bench.speech.process import WorkerProcess

pytestmark = pytest.mark.unit

ODD_TEXTS = (
    "",
    "   \n\t ",
    "...",
    "!?",
    "—",
    "😀 hi 😀",
    "<break time='5s'/> hi",
    "<speak>no & markup</speak>",
    "\x01300S fast",
    "nul\0byte",
    "[[h@l'oU]]",
    "naïve café über 東京 ok",
    "lone \ud800 surrogate",
    "a" * 700,
    "1" * 400,
)


async def all_of(engine: Espeak, text: str, **options: object) -> list[SpokenChunk]:
    return [chunk async for chunk in engine.speak(text, **options)]


def spoken(engine: Espeak, text: str, **options: object) -> tuple[bytes, list[Word]]:
    chunks = clock.run(all_of(engine, text, **options))
    return b"".join(c.pcm for c in chunks), [word for c in chunks for word in c.words]


def loudest(pcm: bytes, start: int, end: int) -> int:
    samples = array.array("h", pcm)[max(start, 0) : max(end, 0)]
    return max((abs(sample) for sample in samples), default=0)


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("voice", ["en-us+klatt", "en-us", "en-gb"])
def test_words_begin_and_end_where_their_sound_does(espeak: Espeak, voice: str, rate: int) -> None:
    text = "Apples. Oranges. Eight. Over."
    pcm, words = spoken(espeak, text, voice=voice, words_per_minute=120, sample_rate=rate)
    assert [word.text for word in words] == text.split()
    window = rate // 50
    for word, following in zip(words, [*words[1:], None], strict=True):
        assert loudest(pcm, word.start_sample, word.start_sample + 2 * window) > 200
        assert loudest(pcm, word.start_sample - window, word.start_sample - rate // 500) < 200
        pause_end = following.start_sample if following else len(pcm) // 2
        assert loudest(pcm, word.end_sample, pause_end - rate // 500) <= 64
        assert word.end_sample < pause_end


def test_a_chunk_holds_whole_words(espeak: Espeak) -> None:
    received = 0
    for chunk in clock.run(
        all_of(espeak, "We are open, well-known friends — from 7:30 till $5.50!")
    ):
        start, received = received, received + len(chunk.pcm) // 2
        assert chunk.words
        assert all(start <= w.start_sample <= w.end_sample <= received for w in chunk.words)


def test_words_joined_by_spaces_are_the_text(espeak: Espeak) -> None:
    text = "— Well, Dr. Smith's e.g. (at 7:30)   pays $5.50 … 😀 to www.example.com/a – ok!"
    _, words = spoken(espeak, text)
    assert " ".join(word.text for word in words) == " ".join(text.split())


def test_words_said_in_one_breath_share_its_time(espeak: Espeak) -> None:
    _, words = spoken(espeak, "The end of the day, and this one of a kind")
    assert [word.text for word in words] == "The end of the day, and this one of a kind".split()
    assert all(word.start_sample < word.end_sample for word in words)


def test_a_long_text_is_cut_between_sentences_and_its_words_run_on(espeak: Espeak) -> None:
    text = " ".join(f"This is sentence {number} of a long story." for number in range(300))
    assert len(text) > 10_000
    pcm, words = spoken(espeak, text, words_per_minute=400)
    assert " ".join(word.text for word in words) == text
    ends = [position for word in words for position in (word.start_sample, word.end_sample)]
    assert ends == sorted(ends)
    assert ends[-1] <= len(pcm) // 2


@pytest.mark.parametrize("text", ODD_TEXTS, ids=repr)
def test_any_text_is_spoken_or_passed_over(espeak: Espeak, text: str) -> None:
    pcm, words = spoken(espeak, text)
    assert len(pcm) % 2 == 0
    assert all(0 <= w.start_sample <= w.end_sample <= len(pcm) // 2 for w in words)


def test_text_without_words_is_silent_and_empty(espeak: Espeak) -> None:
    assert spoken(espeak, " … ") == (b"", [])


def test_markup_and_control_characters_are_not_obeyed(espeak: Espeak) -> None:
    plain, _ = spoken(espeak, "hi there")
    paused, _ = spoken(espeak, "<break time='5s'/> hi there")
    slowed, _ = spoken(espeak, "\x0180S hi there")
    read_out, _ = spoken(espeak, " 80S hi there")
    assert len(paused) < len(plain) + 3 * 32_000
    assert abs(len(slowed) - len(read_out)) < 1600


@pytest.mark.parametrize("pause", [0.0, 0.2, 1.0])
def test_the_audio_ends_a_set_pause_after_its_last_sound(espeak: Espeak, pause: float) -> None:
    pcm, words = spoken(espeak, "Good night", end_pause_seconds=pause)
    assert len(pcm) // 2 - words[-1].end_sample == round(pause * 16_000)


def test_pace_and_pitch_are_heard(espeak: Espeak) -> None:
    slow, _ = spoken(espeak, "I can book a table for two people", words_per_minute=100)
    fast, _ = spoken(espeak, "I can book a table for two people", words_per_minute=300)
    low, _ = spoken(espeak, "Aaah", pitch=0)
    high, _ = spoken(espeak, "Aaah", pitch=99)
    assert len(slow) > 1.8 * len(fast)
    assert crossings(high) > 1.2 * crossings(low)


def crossings(pcm: bytes) -> float:
    samples = array.array("h", pcm)
    return sum(a < 0 <= b for a, b in itertools.pairwise(samples)) / len(samples)


@pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)
def test_every_voice_on_offer_speaks(espeak: Espeak, voice: object) -> None:
    pcm, words = spoken(espeak, "Hallo", voice=voice.name)
    assert words
    assert loudest(pcm, 0, len(pcm)) > 1000


@pytest.mark.parametrize(
    "options",
    [
        {"voice": "nobody"},
        {"voice": "en-us+nobody"},
        {"voice": "../../etc"},
        {"voice": ""},
        {"words_per_minute": 10},
        {"pitch": 100},
        {"sample_rate": 4000},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_words(espeak: Espeak, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"voice|words_per_minute|pitch|sample_rate"):
        spoken(espeak, "hello", **options)
    assert spoken(espeak, "hello")[1][0].text == "hello"


def test_closing_in_mid_utterance_leaves_the_engine_ready(espeak: Espeak) -> None:
    async def cut_off() -> str:
        speech = espeak.speak("The first of very many words. " * 9)
        first = await anext(speech)
        await speech.aclose()
        again = await all_of(espeak, "Yes.")
        return first.words[0].text + again[0].words[0].text

    assert [clock.run(cut_off()) for _ in range(20)] == ["TheYes."] * 20


def test_a_slow_listener_holds_up_nobody(espeak: Espeak) -> None:
    async def side_by_side() -> list[str]:
        slow = espeak.speak("This one is only half listened to. " * 30)
        first = await anext(slow)
        quick = [await all_of(espeak, "Quick.") for _ in range(10)]
        rest = [word.text async for chunk in slow for word in chunk.words]
        assert len(rest) == 30 * 7 - len(first.words)
        return [chunk.words[0].text for chunks in quick for chunk in chunks]

    assert clock.run(side_by_side()) == ["Quick."] * 10


def test_it_speaks_on_a_virtual_clock_that_stands_still(espeak: Espeak) -> None:
    async def spoken_at() -> tuple[int, float]:
        return len(await all_of(espeak, "one two three")), clock.now()

    assert clock.run(spoken_at(), virtual=True) == (3, 0.0)


def test_a_dead_worker_fails_its_speech_and_is_replaced() -> None:
    engine = Espeak()
    (worker,) = engine._workers

    async def killed() -> None:
        speech = engine.speak("It goes on for a while. " * 40)
        await anext(speech)
        os.kill(worker.pid or 0, signal.SIGKILL)
        with pytest.raises(BrokenStream, match="espeak-ng"):
            async for _ in speech:
                pass

    try:
        clock.run(killed())
        assert [word.text for word in spoken(engine, "Here again.")[1]] == ["Here", "again."]
        assert worker.starts == 2
    finally:
        engine.close()
    assert worker.pid is None


def test_a_worker_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    worker = WorkerProcess("bench.speech.nothing_here", name="nothing")
    try:
        with pytest.raises(ConnectFailed, match="nothing"):
            clock.run(worker.run(lambda channel: None))
    finally:
        worker.close()
    assert "nothing_here" in capfd.readouterr().err


def test_a_worker_ends_when_its_owner_hangs_up() -> None:
    engine = Espeak()
    clock.run(engine.start())
    process = engine._workers[0]._process
    assert process is not None
    engine.close()
    assert process.returncode == 0
