"""Who is quicker than the page's answers still gets what they chose last."""

import importlib.abc
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from playwright.sync_api import Browser

from tests.browser.drive import Tab
from tests.browser.far_page import FarPage, Voice
from tests.browser.test_page import call, go_to, opened, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

POLLY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
READY = dict.fromkeys(("OPENAI_API_KEY", "ELEVENLABS_API_KEY", *POLLY), "none")
SLOW = """(ms) => {
  const { fetch } = window;
  window.fetch = async (url, ...rest) => {
    if (String(url.url ?? url).includes('/queue/join')) {
      await new Promise((resolve) => { setTimeout(resolve, ms); });
    }
    return fetch(url, ...rest);
  };
}"""


class SlowImport(importlib.abc.MetaPathFinder):
    """A module that takes its time, as an SDK does when it is imported for the first time."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        self.begun = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == self.name:
            self.begun = True
            time.sleep(self.seconds)
        return None


@pytest.fixture(scope="module")
def far() -> Iterator[FarPage]:
    server = FarPage(**READY)
    yield server
    server.close()


@pytest.fixture
def page(chrome: Browser, far: FarPage) -> Iterator[Tab]:
    with opened(chrome, far) as one:
        yield one


def pick(page: Tab, label: str, option: str) -> None:
    page.page.get_by_label(label, exact=True).click()
    page.page.get_by_role("option", name=option).first.click()


def test_a_choice_that_is_refused_does_not_undo_the_next(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    page.evaluate(SLOW, 400)
    pick(page, "Voice", "Google")
    pick(page, "Voice", "ElevenLabs")
    page.page.wait_for_selector("#settings-told [role=alert]")
    page.wait("talkbench.start().voiceProvider === 'elevenlabs'")
    shown = page.page.get_by_label("Voice", exact=True).input_value()
    assert shown == "ElevenLabs · ready"


def test_a_choice_whose_sdk_is_still_imported_is_in_the_conversation(
    page: Tab, far: FarPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowImport("bench.providers.polly", 1.5)
    monkeypatch.delitem(sys.modules, slow.name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [slow, *sys.meta_path])
    go_to(page, "Settings")
    pick(page, "Voice", "Amazon Polly")
    until(lambda: slow.begun, "import")
    conversation = call(page, far)
    voice = conversation.synthesizer
    assert isinstance(voice, Voice)
    assert voice.asked["voiceProvider"] == "polly"


def test_who_listens_takes_any_words_when_the_agent_is_no_script(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    wide, narrow = (page.page.get_by_label(name) for name in ("Open: any words", "Vocabulary:"))
    assert narrow.is_checked()
    pick(page, "Agent", "OpenAI")
    page.wait("talkbench.start().transcriber_mode === 'open'")
    assert wide.is_checked()
    narrow.check()
    page.page.wait_for_selector("#settings-told [role=alert] >> text=has to take any words")
    page.wait("document.querySelector('input[value=open]').checked")
    pick(page, "Agent", "Front desk")
    page.wait("talkbench.start().transcriber_mode === 'vocabulary'")
    assert narrow.is_checked()


def test_a_slider_that_is_dragged_ends_where_it_was_let_go(page: Tab, far: FarPage) -> None:
    go_to(page, "Settings")
    conversation = call(page, far)
    page.evaluate(SLOW, 150)
    slider = page.page.locator("input[type=range][aria-label*=Speed]")
    slider.focus()
    for _ in range(6):
        page.page.keyboard.press("ArrowRight")
    until(lambda: getattr(conversation.synthesizer, "asked", {}).get("speed") == 1.6, "speed")
    page.page.wait_for_timeout(400)  # no answer is on its way any more
    assert slider.input_value() == "1.6"
    assert getattr(conversation.synthesizer, "asked", {})["speed"] == 1.6


def test_settings_made_before_a_reload_are_kept_without_a_conversation(
    page: Tab, far: FarPage
) -> None:
    go_to(page, "Settings")
    page.page.get_by_text("The whole answer in one piece").click()
    page.page.wait_for_selector("#settings-told :text('next turn.')")
    page.page.reload()
    page.wait("window.talkbench?.start().response_mode === 'buffered'")
    assert page.text(".talk") == "Start"
    assert page.page.locator(".problem").is_hidden()


def test_a_page_loaded_again_before_it_was_there_is_still_the_same_tab(
    page: Tab, far: FarPage
) -> None:
    session = page.evaluate("talkbench.start().session")
    page.page.reload(wait_until="commit")
    page.page.reload(wait_until="commit")
    page.page.reload()
    page.wait(f"window.talkbench?.start().session === {session!r}")


def test_a_tab_that_is_duplicated_is_another(page: Tab, far: FarPage) -> None:
    kept = page.evaluate("JSON.stringify({ ...sessionStorage })")
    assert page.evaluate("talkbench.start().session") not in kept
