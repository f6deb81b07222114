"""A real conversation and a replay in, the pictures of the page in docs/images out.

`python -m tests.browser.pictures` takes them anew; Chromium is found as the tests find it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, sync_playwright

from bench.events import CutOff, PlaybackFinished, PlaybackStarted
from tests.browser.drive import PATIENCE_SECONDS, Tab, browser, tab
from tests.browser.live_bench import LOADED, LiveBench, caller
from tests.browser.test_page import go_to
from tests.conftest import find_chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
MARGIN = 12.0
ALL = 4000  # more than the longest tab
HEARD_SECONDS = 2.5  # of a story before it is cut off
SCENARIOS = (
    "The caller cuts in after the twelfth word",
    "The caller says stop",
    "The caller coughs while the bot speaks",
    "One question, one answer",
)
STACK = "sim:azure-realtime"  # waits so long for an ending that one of the scenarios fails


def main() -> None:
    """Take all of them."""
    path = find_chromium()
    if path is None:
        sys.exit("no Chromium found: name one with $CHROMIUM")
    bench = LiveBench()
    try:
        with (
            sync_playwright() as playwright,
            browser(playwright, path, "--hide-scrollbars") as chrome,
        ):
            conversation(chrome, bench)
            replay(chrome, bench)
    finally:
        bench.close()


def conversation(chrome: Browser, bench: LiveBench) -> None:
    """A booking, and two stories that are cut off by voice."""
    with caller(chrome, bench) as person:
        page = person.page
        themed(page, "light", WIDE)
        person.call()
        before = person.now
        person.say("I'd like to book a table for two on Friday at seven.")
        person.wait(PlaybackFinished, before)
        for cutting_in in ("What time do you close on Sunday?", "stop"):
            before = person.now
            person.say("Tell me a story.")
            started = person.wait(PlaybackStarted, before)
            person.plays(person.utterance(started.utterance), HEARD_SECONDS)
            before = person.now
            person.say(cutting_in)
            person.wait(CutOff, before)
            person.wait(PlaybackFinished, before)
        page.page.wait_for_function("document.querySelectorAll('#chat s').length === 2")
        page.page.wait_for_selector(".state >> text=Listening")
        take(page, "conversation")
        go_to(page, "Latency")
        take(page, "latency")
        go_to(page, "Conversation")
        themed(page, "dark", PHONE)
        take(page, "phone-dark")


def replay(chrome: Browser, bench: LiveBench) -> None:
    """Four scenarios with a recogniser that is not their own, and the run that cuts in."""
    address = f"{bench.url}gradio/?__theme=light"
    with tab(chrome, address, viewport=WIDE) as page:
        page.wait(LOADED)
        go_to(page, "Replay")
        for title in SCENARIOS:
            page.page.locator("#replay-scenarios").get_by_label(title).check()
        page.page.get_by_role("combobox", name="Recogniser").click()
        page.page.get_by_role("option", name=STACK).click()
        page.page.keyboard.press("Escape")
        page.page.click("#replay-run-button")
        page.page.wait_for_selector(
            f"#replay-progress >> text={len(SCENARIOS)} played:", timeout=2000 * PATIENCE_SECONDS
        )
        page.page.click("#replay-verdicts tbody tr >> nth=0 >> button")
        page.page.wait_for_selector(f"#replay-run h3 >> text={SCENARIOS[0]}")
        page.wait(
            """(() => { const images = [...document.querySelectorAll('#replay-run img')];
            return images.length >= 2 && images.every((image) => image.naturalWidth); })()"""
        )
        take(page, "replay-tab", between=(".tab-wrapper", "#replay-run img >> nth=1"))


def themed(page: Tab, theme: str, size: dict[str, int]) -> None:
    """Have the page drawn in a theme and a size, without loading it again."""
    dark = str(theme == "dark").lower()
    page.evaluate(f"document.body.classList.toggle('dark', {dark})")
    page.page.set_viewport_size({"width": size["width"], "height": size["height"]})


def take(page: Tab, name: str, *, between: tuple[str, str] | None = None) -> None:
    """Write one picture, once everything on the page has settled: of what is seen, or of all that
    lies `between` two elements."""
    page.page.wait_for_timeout(800)
    if between is None:
        page.page.screenshot(path=IMAGES / f"{name}.png")
        return
    page.page.set_viewport_size({"width": WIDE["width"], "height": ALL})
    page.page.wait_for_timeout(800)
    first, last = (page.page.locator(each).first.bounding_box() for each in between)
    assert first is not None
    assert last is not None
    bottom = last["y"] + last["height"] + MARGIN
    left, top = first["x"] - MARGIN, first["y"] - MARGIN
    clip = FloatRect(x=left, y=top, width=first["width"] + 2 * MARGIN, height=bottom - top)
    page.page.screenshot(path=IMAGES / f"{name}.png", clip=clip)


if __name__ == "__main__":
    main()
