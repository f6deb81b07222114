"""The page in a real Chromium: it plays where the timeline is clicked, and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.report.html import html
from tests.browser.drive import browser
from tests.report.some_runs import several

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "page.html"
    with ThreadPoolExecutor(1) as apart:  # another module's browser may hold a loop in this thread
        path.write_text(apart.submit(lambda: html(several(1))).result(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, browser(playwright, chromium) as running:
        yield running


def opened(chrome: Browser, file: Path, width: int) -> tuple[Page, list[str]]:
    page = chrome.new_page(viewport={"width": width, "height": 800})
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url))
    page.goto(f"file://{file}#run-0")
    page.locator("#run-0[open]").wait_for()
    allowed = ("data:", "file:", "blob:")
    return page, [text for text in wrong if not text.startswith(allowed)]


def test_a_click_on_the_timeline_plays_from_there(chrome: Browser, file: Path):
    page, wrong = opened(chrome, file, 1200)
    line = page.locator("#run-0 .timeline").first
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    assert box is not None
    since, until, left, right = (
        float(line.get_attribute(f"data-{name}") or "nan")
        for name in ("since", "until", "left", "right")
    )
    share = 0.5 * (left + right)
    line.click(position={"x": box["width"] * share, "y": 100})
    page.wait_for_function("!document.querySelector('#run-0 audio').paused")
    page.wait_for_function("document.querySelector('#run-0 audio').currentTime > 0")
    now = page.evaluate("document.querySelector('#run-0 audio').currentTime")
    assert now >= since + 0.5 * (until - since) - 0.1
    assert page.locator("#run-0 .playhead").is_visible()
    assert wrong == []
    page.close()


def test_a_phone_shows_it_without_moving_the_page_sideways(chrome: Browser, file: Path):
    page, wrong = opened(chrome, file, 390)
    wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= shown
    assert wrong == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_in_both_themes(chrome: Browser, file: Path, scheme: str):
    page, _ = opened(chrome, file, 1200)
    page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
    for name in ("body", ".faint", ".status.fail", ".status.pass", "a"):
        assert page.evaluate(_CONTRAST, name) >= 4.5, name
    page.close()


_CONTRAST = """(selector) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((v) => {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = light(getComputedStyle(document.querySelector(selector)).color);
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}"""
