"""The page about the library names its files as they are."""

from __future__ import annotations

import pytest

from bench.replay.reading import files_of
from tests.replay.digests import LIBRARY
from tests.replay.library_page import PAGE, question, rewritten

pytestmark = pytest.mark.unit


def test_the_page_holds_the_library() -> None:
    text = PAGE.read_text("utf-8")
    assert rewritten(text) == text, "write it anew: python -m tests.replay.library_page"


def test_every_file_begins_with_its_question() -> None:
    asked = {path.name: question(path) for path in files_of([LIBRARY])}
    assert [name for name, text in asked.items() if len(text) < 30] == []
    assert len(set(asked.values())) == len(asked)
