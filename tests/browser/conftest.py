"""A browser per module, a far side per test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.drive import browser
from tests.browser.far_page import FarPage
from tests.browser.live_bench import LiveBench
from tests.browser.stub import Stub


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chrome(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    with browser(playwright, chromium) as running:
        yield running


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.close()


@pytest.fixture(scope="session")
def served_page() -> Iterator[FarPage]:
    served = FarPage()
    yield served
    served.close()


@pytest.fixture
def far(served_page: FarPage) -> FarPage:
    """The page, with nothing left of the test before."""
    served_page.parts = {}
    served_page.taken = len(served_page.conversations)
    return served_page


@pytest.fixture(scope="session")
def bench() -> Iterator[LiveBench]:
    served = LiveBench()
    yield served
    served.close()
