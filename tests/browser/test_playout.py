"""Every sample the page receives is played once, in order, or counted as dropped."""

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from tests.browser.drive import Samples, Tab, tab
from tests.browser.stub import Line, Stub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


def tone(rate: int, seconds: float, frequency: float = 440.0) -> bytes:
    t = np.arange(int(rate * seconds)) / rate
    return (0.4 * 32767 * np.sin(2 * np.pi * frequency * t)).astype("<i2").tobytes()


def noise(samples: int) -> NDArray[np.int16]:
    """No sample of it is near zero, so that silence can be told from it."""
    random = np.random.default_rng(7)
    return (random.choice([-1, 1], samples) * random.integers(8000, 20000, samples)).astype("<i2")


def call(page: Tab, stub: Stub) -> Line:
    page.talk()
    return stub.line()


def pitch(samples: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
def test_a_tone_sounds_in_full_at_any_session_rate(chrome: Browser, stub: Stub, rate: int) -> None:
    stub.sample_rate = rate
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as page:
        line = call(page, stub)
        line.audio_at_once(1, tone(rate, 0.6))
        line.end(1)
        line.wait("played", utterance=1, samples=int(0.6 * rate))
        heard = page.recording()
    voice = heard.audible()
    assert len(voice) / heard.rate == pytest.approx(0.6, abs=0.005)
    assert pitch(voice, heard.rate) == pytest.approx(440, abs=3)
    inner = voice[heard.rate // 20 : -heard.rate // 20]
    assert np.max(np.abs(inner)) == pytest.approx(0.4, abs=0.01)
    spectrum = np.abs(np.fft.rfft(inner * np.blackman(len(inner))))
    images = spectrum[int(1000 * len(inner) / heard.rate) :]
    assert np.max(images) < 0.003 * np.max(spectrum)


def test_a_hold_loses_no_sample_and_repeats_none(chrome: Browser, stub: Stub) -> None:
    stub.sample_rate = 48000
    sent = noise(72000)
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", kit={"contextRate": 48000}) as page:
        line = call(page, stub)
        line.audio_at_once(1, sent.tobytes())
        line.end(1)
        line.until(lambda: line.of("played") and line.messages[-1]["samples"] > 20000, "progress")
        line.send("hold")
        before = line.wait("played", samples=_still(line))["samples"]
        line.send("resume")
        line.wait("played", samples=len(sent))
        heard = page.recording()
    assert 20000 < before < len(sent)
    played = heard.without_silence()
    assert len(played) == len(sent)
    gain = played / (sent / 32768)
    fade = int(0.004 * 48000)
    dipped = np.flatnonzero(np.abs(gain - 1) > 1e-3)
    assert before - fade <= dipped[0]
    assert dipped[-1] < before + fade
    assert gain[before] < 0.02
    pause = np.flatnonzero(np.abs(heard.audible()) < 1e-6)
    assert len(pause) > 0.05 * 48000
    assert np.all(np.diff(pause) == 1)


def _still(line: Line) -> int:
    """The position that two looks at a held page agree on."""
    seen = -1
    while seen != (now := line.of("played")[-1]["samples"]):
        seen = now
        with line.changed:
            line.changed.wait_for(lambda: line.of("played")[-1]["samples"] != seen, 0.4)  # noqa: B023
    return seen


def test_a_clear_silences_and_accounts_for_every_sample(chrome: Browser, stub: Stub) -> None:
    stub.sample_rate = 48000
    sent = noise(96000)
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", kit={"contextRate": 48000}) as page:
        line = call(page, stub)
        line.audio_at_once(1, sent.tobytes())
        line.until(lambda: line.of("played") and line.messages[-1]["samples"] > 20000, "progress")
        line.send("clear", utterance=1)
        cleared = line.wait("cleared", utterance=1)
        line.audio(1, sent[:4800].tobytes())
        line.wait("cleared", utterance=1, dropped=cleared["dropped"] + 4800)
        heard = page.recording()
        line.audio_at_once(2, sent[:9600].tobytes())
        line.end(2)
        line.wait("played", utterance=2, samples=9600)
        again = page.recording()
    assert cleared["played"] + cleared["dropped"] == len(sent)
    played = heard.without_silence()
    assert 0 <= len(played) - cleared["played"] < int(0.004 * 48000)
    exact = played[: cleared["played"]] * 32768
    assert np.array_equal(exact, sent[: cleared["played"]])
    assert np.array_equal(again.without_silence()[-9600:] * 32768, sent[:9600])


def test_a_held_utterance_is_cleared_where_it_stopped(chrome: Browser, stub: Stub) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as page:
        line = call(page, stub)
        line.audio(1, tone(16000, 2))
        line.wait("played", utterance=1)
        line.send("hold")
        stopped = _still(line)
        line.send("clear", utterance=1)
        assert line.wait("cleared")["played"] == stopped
        line.audio(2, tone(16000, 0.1))
        line.end(2)
        line.wait("played", utterance=2, samples=1600)


@pytest.mark.parametrize("samples", [1, 40, 160, 799])
def test_an_utterance_shorter_than_the_prebuffer_plays(
    chrome: Browser, stub: Stub, samples: int
) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as page:
        line = call(page, stub)
        line.audio(1, noise(samples).tobytes())
        line.end(1)
        line.wait("played", utterance=1, samples=samples)
        assert not line.of("underrun")
        assert len(page.recording().audible())


def test_an_utterance_of_no_samples_ends_too(chrome: Browser, stub: Stub) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as page:
        line = call(page, stub)
        line.end(1)
        line.wait("played", utterance=1, samples=0)


def test_running_dry_pauses_and_goes_on_without_a_loss(chrome: Browser, stub: Stub) -> None:
    stub.sample_rate = 48000
    sent = noise(24000)
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", kit={"contextRate": 48000}) as page:
        line = call(page, stub)
        line.audio_at_once(1, sent[:9600].tobytes())
        dry = line.wait("underrun", utterance=1)
        line.audio_at_once(1, sent[9600:].tobytes())
        line.end(1)
        line.wait("played", utterance=1, samples=len(sent))
        heard = page.recording()
    assert 9600 - 0.005 * 48000 < dry["at_sample"] <= 9600
    assert len(line.of("underrun")) == 1
    played = heard.without_silence()
    assert len(played) == len(sent)
    assert np.array_equal(played[-12000:] * 32768, sent[-12000:])


def test_one_utterance_follows_another_without_a_seam(chrome: Browser, stub: Stub) -> None:
    stub.sample_rate = 48000
    sent = noise(24000)
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", kit={"contextRate": 48000}) as page:
        line = call(page, stub)
        line.send("hold")
        for utterance, part in enumerate(np.split(sent, 4), start=1):
            line.audio(utterance, part.tobytes())
            line.end(utterance)
        line.send("resume")
        line.wait("played", utterance=4, samples=6000)
        heard = page.recording()
    assert np.array_equal(heard.audible() * 32768, sent)


def test_nothing_sounds_before_the_prebuffer_is_full(chrome: Browser, stub: Stub) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as page:
        line = call(page, stub)
        line.audio(1, tone(16000, 0.045))
        assert not len(page.recording(settle_seconds=0.4).audible())
        line.audio(1, tone(16000, 0.045))
        line.wait("played", utterance=1)


@pytest.mark.parametrize(("wire", "output"), [(16000, 48000), (48000, 44100), (24000, 24000)])
def test_the_ledger_adds_up_whatever_happens(
    chrome: Browser, stub: Stub, wire: int, output: int
) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as page:
        broken = page.evaluate(
            """async ([wire, output]) => {
            const { conversation } = await import('/random_playout.js');
            for (let seed = 1; seed <= 150; seed++) {
              const broken = conversation(seed, 60, wire, output);
              if (broken) return JSON.stringify(broken);
            } return null; }""",
            [wire, output],
        )
    assert broken is None
