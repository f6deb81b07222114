"""A browser per module, a far side per test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.drive import browser
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
def bench() -> Iterator[LiveBench]:
    served = LiveBench()
    yield served
    served.close()
