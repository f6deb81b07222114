"""The strip of controls talks, listens, comes back, and says what is wrong."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.drive import Tab, browser, tab
from tests.browser.stub import Line, Stub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]


@pytest.fixture
def page(chrome: Browser, stub: Stub) -> Iterator[Tab]:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/") as opened:
        yield opened
        assert opened.complaints() == []


def call(page: Tab, stub: Stub) -> Line:
    page.talk()
    return stub.line()


def tone(rate: int, seconds: float, frequency: float = 1000.0) -> bytes:
    t = np.arange(int(rate * seconds)) / rate
    return (0.4 * 32767 * np.sin(2 * np.pi * frequency * t)).astype("<i2").tobytes()


def band(pcm: bytes, low: float, high: float) -> float:
    """The RMS of 16 kHz PCM16 between two frequencies, full scale 1."""
    samples = np.frombuffer(pcm, "<i2") / 32768
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    inside = spectrum[(hertz >= low) & (hertz < high)].sum()
    return float(np.sqrt(2 * inside) / len(samples))


def test_the_first_message_is_the_start_and_then_fifty_frames_a_second(
    page: Tab, stub: Stub
) -> None:
    line = call(page, stub)
    assert line.start == {
        "type": "start",
        "framing": "utterance",
        "transcriberProvider": "embedded",
    }
    line.until(lambda: len(line.frames) > 150, "frames")
    assert {len(frame) for frame in line.frames} == {640}
    seconds = line.arrivals[150] - line.arrivals[0]
    assert 150 / seconds == pytest.approx(50, rel=0.4)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_microphone_arrives_at_16_khz_without_aliases(
    chrome: Browser, stub: Stub, rate: int
) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", kit={"contextRate": rate}) as page:
        line = call(page, stub)
        page.wait("kit.tracks.mic.length")
        page.speak(tone(48000, 0.5), 48000)
        said = len(line.frames) + 20
        line.until(lambda: len(line.frames) > said, "frames")
        entered = page.recording("mic").audible(4000 / 32768)
        page.speak(tone(48000, 0.5, frequency=11000.0), 48000)
        line.until(lambda: len(line.frames) > said + 25, "frames")
    voice = b"".join(line.frames[:said])
    loud = np.flatnonzero(np.abs(np.frombuffer(voice, "<i2")) > 4000)
    # What Chromium let into the page's graph (it skips 10 ms now and then) left it in full.
    assert (loud[-1] - loud[0]) / 16000 == pytest.approx(len(entered) / rate, abs=0.001)
    assert band(voice, 900, 1100) > 20 * band(voice, 1500, 8000)
    # Between two contexts Chromium glitches now and then; most frames show the resampler alone.
    hiss = [band(frame, 100, 8000) for frame in line.frames[said + 5 :]]
    assert np.median(hiss) < 0.003


def test_a_busy_page_does_not_disturb_the_sound(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    page.evaluate(
        """() => setInterval(() => { const from = performance.now();
        while (performance.now() - from < 400); }, 500)"""
    )
    first = len(line.frames)
    line.audio(1, tone(16000, 3.0))
    line.end(1)
    line.wait("played", utterance=1, samples=48000)
    assert not line.of("underrun")
    seconds = line.arrivals[-1] - line.arrivals[first]
    assert len(line.frames) - first == pytest.approx(50 * seconds, abs=30)


def test_mute_sends_silence_and_says_so(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    page.wait("!document.querySelector('.mute').disabled")
    page.page.click(".mute")
    line.wait("mute", on=True)
    muted_from = len(line.frames) + 5
    page.speak(tone(48000, 0.4), 48000)
    line.until(lambda: len(line.frames) > muted_from + 10, "frames")
    assert not any(b"".join(line.frames[muted_from:]))
    page.page.click(".mute")
    line.wait("mute", on=False)
    again = len(line.frames)
    page.speak(tone(48000, 0.4), 48000)
    line.until(lambda: len(line.frames) > again + 10, "frames")
    assert any(b"".join(line.frames[again:]))


def test_interrupt_is_offered_only_while_there_is_something_to_interrupt(
    page: Tab, stub: Stub
) -> None:
    assert page.page.is_disabled(".interrupt")
    line = call(page, stub)
    line.send("state", name="speaking")
    page.wait("!document.querySelector('.interrupt').disabled")
    page.page.click(".interrupt")
    line.wait("interrupt")
    page.page.keyboard.press("Escape")
    line.until(lambda: len(line.of("interrupt")) == 2, "a second interrupt")
    line.send("state", name="listening")
    page.wait("document.querySelector('.interrupt').disabled")
    assert page.text(".state") == "Listening"


def test_the_keyboard_is_enough(page: Tab, stub: Stub) -> None:
    page.page.click("body", position={"x": 1, "y": 1})
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    line = stub.line()
    line.until(lambda: len(line.frames) > 5, "frames")
    page.page.keyboard.press("Space")
    line.wait("end")
    page.wait("document.querySelector('.talk').textContent === 'Start'")


def test_captions_follow_and_a_cut_answer_strikes_out_what_was_not_heard(
    page: Tab, stub: Stub
) -> None:
    line = call(page, stub)
    line.send("transcript", role="user", text="when are", final=False)
    page.wait("document.querySelector('.user .partial')?.textContent === 'when are'")
    line.send("transcript", role="user", text="When are you open?", final=True)
    line.send("transcript", role="agent", text="We are open from nine to five.", final=True)
    line.send(
        "interrupted",
        heard="We are open from nine",
        intended="We are open from nine to five.",
        estimated=False,
    )
    page.wait("document.querySelector('.bot s')")
    assert page.text(".caption.bot s").strip() == "to five."
    assert page.text(".caption.bot span") == "We are open from nine to five."
    assert page.text(".caption.user span") == "When are you open?"
    line.send("transcript", role="user", text="<img src=x onerror=alert(1)>", final=True)
    page.wait("document.querySelector('.user span').textContent.startsWith('<img')")


def test_a_turn_is_told_once_and_only_while_the_socket_is_open(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    for turn in (1, 1, 2):
        line.send("metrics", turn=turn)
    page.wait("turns.length === 2")
    line.send("state", name="listening")
    page.wait("events.some((e) => e.message?.name === 'listening')")
    assert page.evaluate("turns.map((t) => t.turn)") == [1, 2]
    assert page.evaluate("strip.open") is True
    stub.refuse_with = 4429
    line.connection.close(1012)
    page.wait("!strip.open")


def test_a_lost_socket_comes_back_to_the_same_session(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    line.audio(1, tone(16000, 1.0))
    line.wait("played", utterance=1)
    line.connection.close(1012)
    back = stub.line()
    assert back.start == {
        "type": "start",
        "framing": "utterance",
        "session": "session-1",
        "token": "of session-1",
    }
    back.until(lambda: len(back.frames) > 10, "frames")
    back.end(1)
    back.wait("played", utterance=1, samples=16000)
    page.wait("strip.open")


def test_reports_made_while_the_socket_was_away_are_sent_when_it_is_back(
    page: Tab, stub: Stub
) -> None:
    line = call(page, stub)
    line.audio(1, tone(16000, 0.3))
    line.end(1)
    line.wait("played", utterance=1)
    stub.refuse_with = 1012
    line.connection.close(1012)
    page.wait("events.some((e) => e.kind === 'report' && e.report.samples === 4800)")
    stub.refuse_with = None
    assert stub.line().wait("played", utterance=1)["samples"] == 4800


def test_a_new_session_forgets_the_sound_of_the_old_one(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    line.audio(5, tone(16000, 2.0))
    line.wait("played", utterance=5)
    page.talk()
    line.wait("end")
    again = call(page, stub)
    assert "session" not in again.start
    again.audio(1, tone(16000, 0.2))
    again.end(1)
    again.wait("played", utterance=1, samples=3200)


def test_a_reload_offers_to_go_on_with_the_session(page: Tab, stub: Stub) -> None:
    call(page, stub).until(lambda: True, "start")
    page.wait("strip.open")
    page.page.reload()
    page.wait("window.strip")
    assert page.text(".talk") == "Resume"
    back = call(page, stub)
    assert back.start["session"] == "session-1"
    assert back.start["token"] == "of session-1"
    back.audio(9, tone(16000, 0.2))
    back.end(9)
    back.wait("played", utterance=9, samples=3200)


def test_a_session_that_ended_while_the_page_was_away_gives_way_to_a_new_one(
    page: Tab, stub: Stub
) -> None:
    call(page, stub)
    page.wait("strip.open")
    page.page.reload()
    page.wait("window.strip")
    stub.refuse_resumed = True
    page.talk()
    assert "session" not in stub.line().start
    page.wait("strip.open")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4401, "not valid here"),
        (4409, "another tab"),
        (4429, "as many conversations as it can hold"),
    ],
)
def test_a_refusal_is_final_and_said_in_words(page: Tab, stub: Stub, code: int, words: str) -> None:
    stub.refuse_with = code
    page.talk()
    page.wait("!document.querySelector('.problem').hidden")
    assert words in page.text(".problem")
    assert page.evaluate("events.filter((e) => e.state === 'connecting').length") == 1
    assert page.page.get_attribute(".voice", "data-talking") == "false"


def test_a_fatal_error_is_shown_and_ends_the_attempts(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    line.send("error", code="config", message="Unknown voice provider: acme", fatal=True)
    line.connection.close(1011)
    page.wait("document.querySelector('.voice').dataset.talking === 'false'")
    assert page.text(".problem") == "Unknown voice provider: acme"
    assert page.evaluate("events.filter((e) => e.state === 'connecting').length") == 1


def test_a_ping_is_answered(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    line.send("ping")
    line.wait("pong")


def test_malformed_audio_is_ignored(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    for junk in (b"", b"\x01", b"\x01\x00\x00\x00", b"\x01\x00\x00\x00\x07"):
        line.connection.send(junk)
    line.audio(1, tone(16000, 0.1))
    line.end(1)
    line.wait("played", utterance=1, samples=1600)


def test_echo_cancellation_can_be_turned_off_while_talking(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    assert page.evaluate("kit.asked[0].audio.echoCancellation") is True
    page.page.uncheck(".echo input")
    page.wait("kit.asked.length === 2")
    asked = page.evaluate("kit.asked[1].audio")
    assert (asked["echoCancellation"], asked["noiseSuppression"], asked["autoGainControl"]) == (
        False,
        False,
        False,
    )
    before = len(line.frames)
    page.speak(tone(48000, 0.4), 48000)
    line.until(lambda: any(b"".join(line.frames[before:])), "sound of the new microphone")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "blocked"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "in use by another program"),
    ],
)
def test_a_missing_microphone_is_said_in_words(
    chrome: Browser, stub: Stub, error: str, words: str
) -> None:
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", kit={"microphoneError": error}) as page:
        page.talk()
        page.wait("!document.querySelector('.problem').hidden")
        assert words in page.text(".problem")
        assert page.text(".talk") == "Start"


def test_a_denied_permission_is_said_in_words(
    playwright: Playwright, chromium: str, stub: Stub
) -> None:
    flags = (
        "--use-fake-device-for-media-stream",
        "--deny-permission-prompts",
        "--host-resolver-rules=MAP bench.test 127.0.0.1",
    )
    with (
        browser(playwright, chromium, *flags) as strict,
        tab(strict, f"http://127.0.0.1:{stub.port}/", kit={"realMicrophone": True}) as page,
        tab(strict, f"http://bench.test:{stub.port}/") as insecure,
    ):
        page.talk()
        page.wait("!document.querySelector('.problem').hidden")
        assert "The microphone is blocked" in page.text(".problem")
        insecure.talk()
        insecure.wait("!document.querySelector('.problem').hidden")
        assert "https" in insecure.text(".problem")


def test_a_microphone_that_is_unplugged_is_missed_and_taken_back(page: Tab, stub: Stub) -> None:
    line = call(page, stub)
    page.wait("strip.open")
    page.evaluate("kit.unplug()")
    page.wait("!document.querySelector('.problem').hidden")
    assert "Connect it again, or another one" in page.text(".problem")
    line.send("transcript", role="user", text="what was said before", final=True)
    page.wait("document.querySelector('.caption.user').innerText.includes('before')")
    assert "was disconnected" in page.text(".problem")
    page.evaluate("kit.plugIn()")
    page.page.wait_for_selector(".problem", state="hidden")
    before = len(line.frames)
    page.speak(tone(48000, 0.4), 48000)
    line.until(lambda: any(b"".join(line.frames[before:])), "sound of the new microphone")


def test_two_pages_do_not_hear_each_other(chrome: Browser, stub: Stub) -> None:
    url = f"http://127.0.0.1:{stub.port}/"
    with tab(chrome, url) as one, tab(chrome, url) as other:
        first = call(one, stub)
        second = call(other, stub)
        first.audio(1, tone(16000, 0.3))
        first.end(1)
        first.wait("played", utterance=1, samples=4800)
        assert len(one.recording().audible())
        assert not len(other.recording().audible())
        assert not second.of("played")


def test_the_strip_fits_a_phone(chrome: Browser, stub: Stub) -> None:
    size = {"width": 360, "height": 640}
    with tab(chrome, f"http://127.0.0.1:{stub.port}/", viewport=size) as page:
        line = call(page, stub)
        line.send("transcript", role="agent", text="word " * 60, final=True)
        page.wait("!document.querySelector('.caption.bot').hidden")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("document.querySelector('.talk').offsetHeight") >= 36
