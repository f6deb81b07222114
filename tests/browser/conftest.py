"""A browser per module, a far side per test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.browser.drive import browser
from tests.browser.stub import Stub


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as running:
        yield running


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.close()
