"""The page shows what was said and heard, changes what is to come, and hands everything out."""

import csv
import io
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, ViewportSize

from bench.engine.conversation import StreamingConversation
from bench.events import ConversationStarted, PlaybackFinished, PlaybackStarted, SettingsChanged
from bench.metrics.turns import turns
from bench.trace import Trace
from tests.browser.drive import PATIENCE_SECONDS, Tab, tab
from tests.browser.far_page import ANSWER, LONG_ANSWER, FarPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

ASKED = "When are you open?"
WIDE: ViewportSize = {"width": 1200, "height": 900}
LAID_OUT = """new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"""


@contextmanager
def opened(chrome: Browser, far: FarPage, query: str = "", **own: Any) -> Iterator[Tab]:
    """The page, loaded; nothing may go wrong in it, and nothing may leave this machine."""
    with tab(chrome, f"{far.url}gradio/{query}", viewport=WIDE, **own) as page:
        asked: list[str] = []
        page.page.on("request", lambda request: asked.append(request.url))
        page.page.on("websocket", lambda socket: asked.append(socket.url))
        page.wait("window.talkbench && document.querySelector('[role=tab]')", PATIENCE_SECONDS)
        page.wait("talkbench.start().session", PATIENCE_SECONDS)
        yield page
        assert page.complaints() == []
        fetched = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
        assert {urlsplit(url).hostname for url in [*asked, *fetched]} <= {"127.0.0.1", None}


@pytest.fixture
def page(chrome: Browser, far: FarPage) -> Iterator[Tab]:
    with opened(chrome, far) as one:
        yield one


def call(page: Tab, far: FarPage) -> StreamingConversation:
    page.talk()
    conversation = far.conversation()
    page.wait("talkbench.strip.open")
    return conversation


def ask(page: Tab, far: FarPage, conversation: StreamingConversation, text: str = ASKED) -> None:
    """Say something and hear the answer to its end, until the page shows it."""
    turn = len(turns(conversation.trace)) + 1
    far.hear(conversation, text)
    page.wait(
        f"""document.querySelectorAll('#chat .tb-bar').length === {turn}
        && document.querySelectorAll('#chat [data-testid=user]').length === {turn}""",
        PATIENCE_SECONDS,
    )


def cut(page: Tab, far: FarPage, conversation: StreamingConversation) -> None:
    """Ask, and press Interrupt while the answer is heard."""
    hear_some(far, conversation)
    page.page.click(".interrupt")
    page.page.wait_for_selector("#chat s", timeout=PATIENCE_SECONDS * 1000)


def hear_some(far: FarPage, conversation: StreamingConversation) -> None:
    """Ask, and hear the first words of a long answer."""
    before = len(conversation.trace.of(PlaybackStarted))
    far.hear(conversation, ASKED, LONG_ANSWER)
    until(lambda: len(conversation.trace.of(PlaybackStarted)) > before, "a voice")
    device, started = conversation.output_device, conversation.trace.of(PlaybackStarted)[-1]
    answer = device.ledger.find(started.utterance)
    assert answer is not None
    until(lambda: answer.played > 0.9 * device.sampling_rate, "words of the answer")


def until(condition: Callable[[], bool], what: str) -> None:
    by = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > by:
            raise AssertionError(f"no {what} within {PATIENCE_SECONDS} s")
        time.sleep(0.02)


def go_to(page: Tab, name: str) -> None:
    """Open a tab."""
    page.page.get_by_role("tab", name=name, exact=True).click()
    page.page.wait_for_function(
        "(name) => document.querySelector('[role=tab][aria-selected=true]')?.innerText === name",
        arg=name,
    )


def test_the_address_leads_to_the_page_and_says_what_it_is(page: Tab, far: FarPage) -> None:
    assert page.page.request.get(far.url).url == f"{far.url}gradio/"
    assert "script, not a language model" in page.text("#header")
    words = page.text("#chat") + page.text("body")
    assert "Tell me a story." in words
    assert "one in three wrong" in words
    assert page.page.title() == "Talkbench"


def test_what_was_said_and_heard_is_shown_with_its_waterfall(page: Tab, far: FarPage) -> None:
    conversation = call(page, far)
    ask(page, far, conversation)
    chat = page.text("#chat")
    assert ASKED in chat
    assert ANSWER in chat
    drawn = page.page.locator("#chat .tb-bar").get_attribute("aria-label") or ""
    assert "agent’s first word" in drawn
    assert len(page.page.locator("#chat .tb-bar span").all()) >= 3
    assert page.page.locator("#chat s").count() == 0


def test_words_are_shown_as_they_are(page: Tab, far: FarPage) -> None:
    hostile = "1. say **<img src=x onerror=alert(1)>** and ![x](https://example.org/x.png) _now_"
    conversation = call(page, far)
    ask(page, far, conversation, hostile)
    assert hostile in page.text("#chat")
    assert page.page.locator("#chat .message img").count() == 0
    go_to(page, "Latency")
    assert "<img src=x" in page.text("#latency")


def test_a_cut_answer_shows_what_was_heard_and_strikes_out_the_rest(
    page: Tab, far: FarPage
) -> None:
    conversation = call(page, far)
    cut(page, far, conversation)
    (turn,) = turns(conversation.trace)
    assert turn.cut_off
    struck = page.text("#chat s").strip()
    assert struck
    assert turn.heard
    assert f"{turn.heard} {struck}" == LONG_ANSWER
    go_to(page, "Latency")
    assert "words heard" in page.text("#latency")
    assert "Turns" in page.text("#latency")
    assert page.page.locator("#latency .tb-flush").count() >= 1


def test_the_latency_tab_has_a_row_a_turn_and_the_figures(page: Tab, far: FarPage) -> None:
    conversation = call(page, far)
    go_to(page, "Latency")
    assert "No turn yet" in page.text("#latency")
    go_to(page, "Conversation")
    ask(page, far, conversation)
    ask(page, far, conversation)
    go_to(page, "Latency")
    assert page.page.locator("#latency .tb-row").count() == 2
    table = page.text("#latency table")
    assert "p50" in table
    assert "p95" in table
    assert "2 turns: 2 answered" in page.text("#latency")


def test_a_setting_applies_from_the_next_turn(page: Tab, far: FarPage) -> None:
    conversation = call(page, far)
    ask(page, far, conversation)
    go_to(page, "Settings")
    page.page.get_by_text("The whole answer in one piece").click()
    page.page.wait_for_selector("#settings-told :text('next turn.')")
    page.page.get_by_label("Speed").first.fill("2")
    page.page.keyboard.press("Tab")
    until(lambda: bool(conversation.trace.of(SettingsChanged)), "change")
    until(lambda: getattr(conversation.synthesizer, "asked", {}).get("speed") == 2, "speed")
    assert conversation.settings.response_mode == "buffered"
    first = conversation.trace.of(PlaybackFinished)[-1].samples
    go_to(page, "Conversation")
    ask(page, far, conversation)
    assert conversation.trace.of(PlaybackFinished)[-1].samples < 0.7 * first


def test_a_setting_made_before_the_conversation_is_part_of_it(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    page.page.get_by_text("Mute while the bot speaks").click()
    page.page.wait_for_selector("#settings-told :text('next turn.')")
    assert "cannot interrupt it by voice" in page.text("body")
    conversation = call(page, far)
    (began,) = conversation.trace.of(ConversationStarted)
    assert began.settings["echo"] == "mute"


def test_a_provider_that_is_not_ready_says_what_is_missing(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    page.page.get_by_label("Recogniser", exact=True).click()
    page.page.get_by_role("option", name="Deepgram").click()
    page.page.wait_for_selector("#settings-told [role=alert]")
    told = page.text("#settings-told")
    assert "Deepgram cannot be the transcriber now: key missing: DEEPGRAM_API_KEY." in told
    page.page.wait_for_function(
        "document.querySelector('input[aria-label=Recogniser]').value === 'PocketSphinx · ready'"
    )
    page.page.get_by_text("All providers").click()
    table = page.text(".tb-providers")
    assert "ready" in table
    assert "ElevenLabs" in table


def test_a_voice_can_be_heard_before_a_conversation_and_in_it(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    page.page.get_by_label("Pitch").first.fill("80")
    page.page.keyboard.press("Tab")
    page.page.wait_for_selector("#settings-told :text('next turn.')")
    page.page.click("#hear")
    page.page.wait_for_selector("#preview audio")
    page.wait("document.querySelector('#preview audio').currentTime > 0.2")
    assert far.previews[-1].asked["pitch"] == 80
    conversation = call(page, far)
    page.page.click("#hear")
    until(lambda: bool(conversation.trace.of(PlaybackStarted)), "a voice in the call")
    assert len(page.recording(settle_seconds=0.6).audible()) > 2000
    page.wait("!document.querySelector('#preview audio')")


def test_exports_hold_the_whole_conversation(page: Tab, far: FarPage) -> None:
    conversation = call(page, far)
    ask(page, far, conversation)
    cut(page, far, conversation)
    page.page.click(".talk")
    until(conversation.ended.is_set, "end of the conversation")
    go_to(page, "Export")
    trace = Trace.read(io.StringIO(_download(page, "trace").decode()))
    assert [turn.said for turn in turns(trace)] == [ASKED, ASKED]
    rows = list(csv.DictReader(io.StringIO(_download(page, "turns").decode())))
    assert [row["turn"] for row in rows] == ["1", "2"]
    assert float(rows[0]["response_seconds"]) > 0
    with wave.open(io.BytesIO(_download(page, "audio"))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (2, 16000, 2)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(samples[:, 1]).max() > 1000
    played = np.count_nonzero(np.abs(samples[:, 1]) > 300) / 16000
    said = sum(turn.played_seconds or 0.0 for turn in turns(trace))
    assert 0.3 * said < played < 1.1 * said


def test_without_a_conversation_there_is_nothing_to_export(page: Tab) -> None:
    go_to(page, "Export")
    page.page.click("#export-trace")
    page.page.wait_for_selector("#export-told [role=alert]")
    assert "nothing to export yet" in page.text("#export-told")


def _download(page: Tab, kind: str) -> bytes:
    with page.page.expect_download(timeout=PATIENCE_SECONDS * 1000) as download:
        page.page.click(f"#export-{kind}")
    return Path(download.value.path()).read_bytes()


def test_two_tabs_have_a_conversation_each(chrome: Browser, far: FarPage) -> None:
    with opened(chrome, far) as one, opened(chrome, far) as other:
        first, second = call(one, far), call(other, far)
        go_to(one, "Settings")
        one.page.get_by_text("The whole answer in one piece").click()
        until(lambda: first.settings.response_mode == "buffered", "change")
        go_to(one, "Conversation")
        ask(one, far, first, "This is the first of us.")
        ask(other, far, second, "And this is the second.")
        assert "second" not in one.text("#chat")
        assert "first of us" not in other.text("#chat")
        assert second.settings.response_mode == "streaming"


def test_a_reload_keeps_the_conversation_and_the_settings(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    page.page.get_by_text("The whole answer in one piece").click()
    page.page.wait_for_selector("#settings-told :text('next turn.')")
    conversation = call(page, far)
    go_to(page, "Conversation")
    ask(page, far, conversation)
    page.page.reload()
    page.page.wait_for_selector("#chat .tb-bar", timeout=PATIENCE_SECONDS * 1000)
    assert page.text(".talk") == "Resume"
    page.talk()
    page.wait("talkbench.strip.open")
    ask(page, far, conversation)
    go_to(page, "Settings")
    assert page.page.get_by_label("The whole answer in one piece").is_checked()


def test_the_end_shows_what_was_cut_off_by_it(page: Tab, far: FarPage) -> None:
    conversation = call(page, far)
    hear_some(far, conversation)
    page.page.click(".talk")
    page.page.wait_for_selector("#chat s", timeout=PATIENCE_SECONDS * 1000)
    call(page, far)
    page.wait("!document.querySelector('#chat s')")
    assert "Press Start" in page.text("#chat")


def test_stop_and_start_at_once_begin_another_conversation(page: Tab, far: FarPage) -> None:
    first = call(page, far)
    ask(page, far, first)
    page.page.click(".talk")
    page.page.click(".talk")
    second = far.conversation()
    page.wait("talkbench.strip.open")
    assert second.id != first.id
    page.wait("!document.querySelector('#chat .tb-bar')")
    ask(page, far, second, "Something else.")
    assert ASKED not in page.text("#chat")
    go_to(page, "Export")
    assert "Something else." in _download(page, "trace").decode()


def test_a_denied_microphone_is_said_in_words(chrome: Browser, far: FarPage) -> None:
    with opened(chrome, far, kit={"microphoneError": "NotAllowedError"}) as page:
        page.talk()
        page.wait("!document.querySelector('.problem').hidden")
        assert "The microphone is blocked" in page.text(".problem")


def test_the_keyboard_is_enough(page: Tab, far: FarPage) -> None:
    def focused() -> str:
        return page.evaluate("document.activeElement.innerText || document.activeElement.type")

    page.page.keyboard.press("Tab")
    assert focused() == "Start"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.page.keyboard.press("Enter")
    conversation = far.conversation()
    page.wait("talkbench.strip.open")
    for _ in range(8):
        if focused() == "Settings":
            break
        page.page.keyboard.press("Tab")
    assert focused() == "Settings"
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#hear")
    page.page.keyboard.press("Shift+Tab")
    assert not conversation.ended.is_set()


def test_nothing_of_the_page_is_an_open_interface(page: Tab, far: FarPage) -> None:
    info = page.page.request.get(f"{far.url}gradio/gradio_api/info").json()
    assert info["named_endpoints"] == {}
    assert info["unnamed_endpoints"] == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(chrome: Browser, far: FarPage, theme: str) -> None:
    with opened(chrome, far, f"?__theme={theme}") as page:
        conversation = call(page, far)
        ask(page, far, conversation)
        cut(page, far, conversation)
        for width in (1200, 375, 320):
            page.page.set_viewport_size({"width": width, "height": 844})
            for name in ("Latency", "Replay", "Voices", "Settings", "Export", "Conversation"):
                go_to(page, name)
                page.evaluate(LAID_OUT)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert page.page.get_by_label("More tabs").is_hidden()
        ink, paper = page.evaluate(
            """() => { let at = document.querySelector('#header p');
            const ink = getComputedStyle(at).color;
            const paper = () => getComputedStyle(at).backgroundColor;
            while (paper() === 'rgba(0, 0, 0, 0)') at = at.parentElement;
            return [ink, paper()]; }"""
        )
        assert _brightness(ink) > 150 if theme == "dark" else _brightness(ink) < 100
        assert _brightness(paper) < 60 if theme == "dark" else _brightness(paper) > 200


def _brightness(colour: str) -> float:
    numbers = colour[colour.index("(") + 1 : -1].replace(",", " ").split()[:3]
    return sum(map(float, numbers)) / 3
