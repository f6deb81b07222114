"""What recognisers are told of what they will hear is chosen on the page, and outlives a reload."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.drive import Tab
from tests.browser.far_page import FarPage
from tests.browser.test_page import go_to, opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def page(chrome: Browser, far: FarPage) -> Iterator[Tab]:
    with opened(chrome, far) as one:
        yield one


def typed(page: Tab, label: str, text: str) -> None:
    field = page.page.get_by_label(label).first
    field.click()
    field.fill(text)
    field.press("Enter")


def test_a_language_and_terms_are_asked_for_with_the_next_call(page: Tab):
    go_to(page, "Settings")
    page.page.get_by_label("Language of vendors’ services").click()
    page.page.get_by_role("option", name="German").click()
    page.wait("talkbench.start().language === 'de'")
    for term in ("Zoë", "Herr Ober"):
        typed(page, "Names and rare words to expect", term)
    page.wait("String(talkbench.start().keyterms) === 'Zoë,Herr Ober'")
    page.page.reload()
    page.wait("window.talkbench?.start()?.language === 'de'")
    page.wait("String(talkbench.start().keyterms) === 'Zoë,Herr Ober'")
    go_to(page, "Settings")
    assert page.page.get_by_label("Language of vendors’ services").input_value() == "German"


def test_what_is_no_language_is_refused_in_words(page: Tab):
    go_to(page, "Settings")
    typed(page, "Language", "klingonese")
    page.page.wait_for_selector("#settings-told [role=alert] >> text=want a code")
    page.wait("talkbench.start().language == null")
