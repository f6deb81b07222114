"""The document shows the figures as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.simulation.profile_tables import rewritten, table
from bench.simulation.profiles import ROLES, digest, names

pytestmark = pytest.mark.unit

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulated.md"


def test_the_document_holds_the_tables_of_the_file():
    text = DOCUMENT.read_text("utf-8")
    assert rewritten(text) == text, "write the file anew with `rewritten` of its text"
    assert digest() in text
    for name in (name for role in ROLES for name in names(role)):
        assert f"| `{name}` |" in text


def test_what_is_assumed_is_marked():
    rows = {line.split("`")[1]: line for line in table("tts").splitlines()[2:]}
    assert "| ~300 | ~450 |" in rows["sim:polly-neural"]
    assert "| 200 | 250 |" in rows["sim:inworld-tts-2"]
    assert "| unpriced |" in rows["sim:gradium-tts"]
    assert "| ~120 |" in table("llm").splitlines()[2]
