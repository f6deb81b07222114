"""A replay from the page: chosen, played, judged, looked at, listened to, and called off."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from tests.browser.drive import Tab, tab
from tests.browser.far_page import PATIENCE_SECONDS, FarPage

pytestmark = pytest.mark.browser

SCENARIOS = "#replay-scenarios"
ROWS = "#replay-verdicts tbody tr"
MEDIA = """() => {
  const audio = document.querySelector('#replay-run audio');
  const images = [...document.querySelectorAll('#replay-run img')];
  return audio && audio.duration > 5 && images.length >= 2
    && images.every((image) => image.naturalWidth > 400 && image.naturalHeight > 100);
}"""


@contextmanager
def opened(chrome: Browser, far: FarPage) -> Iterator[Tab]:
    """The tab, with the scenarios it found; nothing may go wrong in it."""
    with tab(chrome, f"{far.url}gradio/", viewport={"width": 1200, "height": 900}) as page:
        page.wait("window.talkbench && talkbench.start().session", PATIENCE_SECONDS)
        page.page.get_by_role("tab", name="Replay").click()
        page.page.wait_for_selector(f"{SCENARIOS} input")
        yield page
        assert page.complaints() == []


def choose(page: Tab, *titles: str) -> None:
    for title in titles:
        page.page.locator(SCENARIOS).get_by_label(title).check()


def run(page: Tab, rows: int) -> None:
    page.page.click("#replay-run-button")
    page.wait(f"document.querySelectorAll('{ROWS}').length === {rows}", PATIENCE_SECONDS)


def looks(page: Tab) -> None:
    """Wait until one run is shown with its pictures and its sound."""
    page.page.wait_for_function(MEDIA, timeout=PATIENCE_SECONDS * 1000)


def look_at(page: Tab, *places: int) -> None:
    """Choose rows one right after the other, and see the last."""
    for place in places:
        page.page.locator(f"{ROWS} >> nth={place} >> button").click()
    page.page.wait_for_selector(f"#replay-run >> text=/repeat {places[-1] + 1} /")
    looks(page)


def test_two_scenarios_are_played_judged_and_shown(chrome: Browser, far: FarPage) -> None:
    with opened(chrome, far) as page:
        choose(page, "One question, one answer", "The caller says stop")
        run(page, 2)
        looks(page)
        assert "2 played: 2 passed." in page.text("#replay-progress")
        assert page.page.locator(f"{ROWS} .tb-verdict[data-status=pass]").count() == 2
        assert "Simulated providers." in page.text("#replay-run")
        asked: list[str] = []
        page.page.on("request", lambda request: asked.append(request.url))
        page.page.wait_for_timeout(1500)
        assert asked == []  # nothing asks how far it is once it is over
        first = page.text("#replay-run h3")
        page.page.locator(f"{ROWS}:not([aria-current]) button").focus()
        page.page.keyboard.press("Enter")
        page.wait(f"document.querySelector('#replay-run h3').innerText !== {first!r}")
        looks(page)
        assert page.page.locator(f"{ROWS}[aria-current]").count() == 1
        sound = page.page.locator("#replay-run audio").get_attribute("src")
        answer = page.page.request.get(f"{far.url}gradio/{sound}")
        assert answer.headers["content-type"] == "audio/wav"
        with opened(chrome, far) as other:
            assert other.page.locator(ROWS).count() == 0
        for width in (1200, 390):
            page.page.set_viewport_size({"width": width, "height": 844})
            page.page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_stack_of_ones_own_and_a_reload(chrome: Browser, far: FarPage) -> None:
    with opened(chrome, far) as page:
        choose(page, "One question, one answer")
        page.page.get_by_role("combobox", name="Recogniser").click()
        page.page.get_by_role("option", name="sim:azure-realtime").click()
        page.page.keyboard.press("Escape")
        page.page.get_by_label("Repeat").fill("2")
        run(page, 2)
        looks(page)
        assert "azure-realtime+gpt-4.1" in page.text(f"{ROWS} >> nth=1")
        page.page.reload()
        page.wait("window.talkbench && talkbench.start().session", PATIENCE_SECONDS)
        page.page.get_by_role("tab", name="Replay").click()
        looks(page)
        assert page.page.locator(ROWS).count() == 2


def test_what_cannot_be_played_is_said_and_stop_ends_what_is(chrome: Browser, far: FarPage) -> None:
    with opened(chrome, far) as page:
        page.page.click("#replay-run-button")
        page.page.wait_for_selector("#replay-progress .tb-problem")
        assert "Choose at least one scenario." in page.text("#replay-progress")
        page.page.click("#replay-smoke")
        page.wait(f"document.querySelectorAll('{SCENARIOS} input:checked').length >= 5")
        page.page.click("#replay-none")
        page.wait(f"!document.querySelector('{SCENARIOS} input:checked')")
        choose(page, "One question, one answer", "The caller says stop")
        page.page.get_by_label("Repeat").fill("20")
        page.page.click("#replay-run-button")
        page.page.wait_for_selector(ROWS, timeout=PATIENCE_SECONDS * 1000)
        look_at(page, 0)
        page.wait(f"document.querySelectorAll('{ROWS}').length >= 3")
        assert page.text("#replay-run h3")  # what is looked at stays while others are played
        page.page.click("#replay-stop")
        page.wait(
            "document.querySelector('#replay-progress').innerText.includes('Stopped after')",
            PATIENCE_SECONDS,
        )
        played = page.page.locator(ROWS).count()
        assert 1 <= played < 40
        assert not page.page.locator("#replay-run-button").is_disabled()
        assert page.page.locator("#replay-stop").is_disabled()
        look_at(page, 1, 2)  # the other is still being drawn
