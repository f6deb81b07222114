"""Voices side by side, really spoken and played; two of them blind, voted on and taken home."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize

from bench.app.page.voices_tab_handlers import LONGEST
from tests.browser.drive import PATIENCE_SECONDS, VIEWPORT, Tab, tab
from tests.browser.live_bench import LOADED, LiveBench
from tests.browser.test_page import go_to

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

POLLY = "simulated · Amazon Polly Neural"
FIRST = "espeak-ng · American, clear (best understood by the recogniser)"
SOUND = "document.querySelector('#voices-sound')"
RESULT_ROWS = "#voices-results tbody tr"


@contextmanager
def opened(
    chrome: Browser, bench: LiveBench, query: str = "", viewport: ViewportSize = VIEWPORT
) -> Iterator[Tab]:
    """The tab, with nothing compared yet; nothing may go wrong in it."""
    with tab(chrome, f"{bench.url}gradio/{query}", viewport=viewport) as page:
        page.wait(LOADED, PATIENCE_SECONDS)
        go_to(page, "Voices")
        yield page
        assert page.complaints() == []


def add(page: Tab, name: str) -> None:
    """Choose one voice more, by the keyboard: from the list, or as provider/voice."""
    page.page.locator("#voices-chosen input").fill(name)
    if "/" not in name:
        page.page.get_by_role("option", name=name, exact=True).wait_for()
        page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Enter")
    page.page.locator("#voices-chosen .token").filter(has_text=name).wait_for()
    page.page.keyboard.press("Escape")


def compare(page: Tab, spoken: int, failed: int = 0) -> None:
    page.page.click("#voices-run")
    page.wait(
        f"""document.querySelectorAll('{RESULT_ROWS}[data-state=done]').length === {spoken}
        && document.querySelectorAll('{RESULT_ROWS}[data-state=failed]').length === {failed}""",
        PATIENCE_SECONDS,
    )


def download(page: Tab, kind: str) -> str:
    with page.page.expect_download(timeout=PATIENCE_SECONDS * 1000) as taken:
        page.page.click(f"#votes-{kind}")
    return Path(taken.value.path()).read_text("utf-8")


def test_voices_speak_are_heard_and_voted_on_blind(chrome: Browser, bench: LiveBench) -> None:
    with opened(chrome, bench, viewport={"width": 1200, "height": 900}) as page:
        add(page, POLLY)
        add(page, "polly/Amy")
        compare(page, spoken=3, failed=1)
        assert "AWS_ACCESS_KEY_ID" in page.text(f"{RESULT_ROWS}[data-state=failed]")
        first = page.page.locator(f"{RESULT_ROWS} >> nth=0")
        figures = {
            cell.get_attribute("data-label"): cell.inner_text()
            for cell in first.locator("td[data-label]").all()
        }
        assert figures["First audible sound"].endswith("ms")
        assert 0 < float(figures["Real-time factor"]) < 1
        assert 2 < float(figures["Length"].split()[0]) < 8
        assert figures["Loudness"].endswith("dBFS")
        assert figures["Price of 1000 characters"] == "free"
        simulated = page.page.locator(f"{RESULT_ROWS}:has-text('Amazon Polly Neural')")
        assert "simulated" in simulated.inner_text()
        assert "$0.016" in simulated.inner_text()
        assert "Amazon Polly pricing page" in page.text("#voices-results")
        first.locator("svg[role=img]").wait_for()
        hear(page, f"{RESULT_ROWS} >> nth=0 >> [data-sound]")
        vote_blind(page)


def hear(page: Tab, button: str) -> None:
    """Play a sound, and stop it, by the keyboard."""
    page.page.locator(button).focus()
    page.page.keyboard.press("Enter")
    page.wait(f"{SOUND}.currentTime > 0.2 && {SOUND}.duration > 2 && !{SOUND}.error")
    assert page.page.locator(button).get_attribute("aria-pressed") == "true"
    page.page.keyboard.press("Enter")
    page.wait(f"{SOUND}.paused")


def vote_blind(page: Tab) -> None:
    """Hear two without their names, and prefer the second."""
    assert page.page.locator("#vote-a").is_disabled()
    page.page.get_by_label("The other").click()
    page.page.get_by_role("option", name=FIRST, exact=True).click()
    go_to(page, "Latency")
    go_to(page, "Voices")
    page.page.wait_for_selector("#voices-results tbody tr")
    assert page.page.get_by_label("The other").input_value() == FIRST
    known = page.evaluate(
        "[...document.querySelectorAll('[data-sound]')].map((b) => b.dataset.sound)"
    )
    page.page.click("#voices-blind")
    page.page.wait_for_selector("#voices-trial [data-sound]")
    shown = page.evaluate("document.querySelector('#voices-trial').innerHTML")
    for secret in ("espeak", "Polly", "embedded", "sim:", "ms", "dB", "svg", *known):
        assert secret not in shown
    for place in (0, 1):
        hear(page, f"#voices-trial [data-sound] >> nth={place}")
    page.page.click("#vote-b")
    page.page.wait_for_selector("#voices-tally table")
    (row,) = csv.DictReader(io.StringIO(download(page, "csv")))
    assert row["vote"] == "B"
    assert row["preferred"] == row["b"] != row["a"]
    content = json.loads(download(page, "json"))
    assert [str(vote["seed"]) for vote in content["votes"]] == [row["seed"]]
    assert content["pairs"][0]["votes"][row["b"]] == 1
    assert row["sentence"] in page.text("#voices-results")
    assert "A was" in page.text("#voices-trial")
    page.page.click("#voices-blind")
    page.page.wait_for_selector("#voices-trial [data-sound]")
    page.page.reload()
    page.wait(f"window.talkbench && {LOADED}", PATIENCE_SECONDS)
    go_to(page, "Voices")
    page.page.wait_for_selector("#voices-trial [data-sound]")  # it is the same tab
    page.page.wait_for_selector("#vote-a:enabled")
    assert "A was" not in page.text("#voices-trial")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
    assert row["seed"] not in kept


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_says_what_is_wrong(
    chrome: Browser, bench: LiveBench, theme: str
) -> None:
    viewport: ViewportSize = {"width": 390, "height": 844}
    with opened(chrome, bench, f"?__theme={theme}", viewport=viewport) as page:
        compare(page, spoken=2)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        widest = """Math.max(...[...document.querySelectorAll(".tb-voices *")]
            .map((one) => one.getBoundingClientRect().right))"""
        assert page.evaluate(widest) <= 390
        page.page.get_by_label("Sentence").fill(" ")
        page.page.click("#voices-run")
        page.page.wait_for_selector("#voices-results [role=alert]")
        assert "Write a sentence" in page.text("#voices-results")
        assert page.page.locator(RESULT_ROWS).count() == 2
        assert page.page.get_by_label("Sentence").get_attribute("maxlength") == str(LONGEST)
