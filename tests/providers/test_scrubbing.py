"""Keys are put as stars, also where one is spread over pieces."""

from typing import Any

import pytest

from bench.providers.scrubbing import hidden, hide, holds_any, secrets_of
from bench.settings import Secret

pytestmark = pytest.mark.unit

KEY = "sk-abcdefgh"
LONGER = "sk-abcdefgh-and-more"


@pytest.mark.parametrize(
    ("pieces", "left"),
    [
        ([f"It is {KEY}."], ["It is ***."]),
        (["It is sk", "-abc", "defgh."], ["It is ***", "", "."]),
        ([KEY, KEY, "x"], ["***", "***", "x"]),
        ([f"{KEY}sk-abc", "defgh", "", " end sk-"], ["******", "", "", " end sk-"]),
        ([f"{KEY}-and", "-more"], ["***", ""]),
        (["nothing", " here"], ["nothing", " here"]),
    ],
)
def test_pieces_are_read_as_one(pieces: list[str], left: list[str]):
    secrets = [Secret(KEY), Secret(LONGER)]
    document: Any = [{"pieces": [[0.1, {"text": piece}] for piece in pieces]}]
    hide(document, secrets)
    assert [told["text"] for _, told in document[0]["pieces"]] == left
    assert hidden("".join(pieces), secrets) == "".join(left)


def test_two_frames_of_a_transcript_are_read_as_one():
    document: Any = [{"Heard": {"words": [["my", 1, 2], ["sk-abcd", 3, 4]]}}]
    document += [{"Heard": {"words": [["efgh", 5, 6]]}}]
    hide(document, [Secret(KEY)])
    assert document[0]["Heard"]["words"] == [["my", 1, 2], ["***", 3, 4]]
    assert document[1]["Heard"]["words"] == [["", 5, 6]]


def test_texts_of_another_kind_lie_between():
    document: Any = [{"a": "sk-abc", "b": "other"}, {"a": "defgh", "b": "words"}]
    hide(document, [Secret(KEY)])
    assert document == [{"a": "***", "b": "other"}, {"a": "", "b": "words"}]


def test_regions_and_words_in_place_of_a_key_are_none():
    keys = {"OPENAI_API_KEY": Secret("ollama"), "AWS_REGION": Secret("eu-central-1")}
    assert secrets_of(keys) == (keys["OPENAI_API_KEY"],)
    assert hidden("We use ollama.", secrets_of(keys)) == "We use ollama."
    assert not holds_any(b"We use ollama in eu-central-1.", secrets_of(keys))
