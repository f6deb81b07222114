"""The tables in `docs/configuration.md` say what the code does."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from bench.assembly import LANGUAGE, MODELS, OWNERS_ONLY
from bench.engine.settings import ConversationSettings
from bench.settings import KEY_VARIABLES, AppSettings, ProviderSettings, ServiceSettings

pytestmark = pytest.mark.unit

TEXT = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text("utf-8")
IN_WORDS = {
    "greeting": "the agent's",
    "idle_prompts": "2 texts",
    "end_phrases": "3 texts",
    "apology": "a text",
    "origins": "none",
    "cassettes": "none",
    "transcriberFallback": "none",
    "llmFallback": "none",
    "voiceFallback": "none",
    "daily_minutes": "none",
    "daily_tokens": "none",
    "daily_characters": "none",
}


def table(section: str) -> dict[str, list[str]]:
    """The rows below a heading: the other cells by the setting in the first."""
    part = TEXT.partition(f"## `{section}`")[2].partition("\n## ")[0]
    rows = [re.split(r" \| ", row.strip("| ")) for row in re.findall(r"(?m)^\| `.*\|$", part)]
    return {row[0].split("`")[1]: row[1:] for row in rows if not row[0].startswith("`TALKBENCH")}


def told(name: str, value: object) -> str:
    """A default as the table has it."""
    if name in IN_WORDS:
        return IN_WORDS[name]
    if value is None:
        return "the provider's"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ("app", AppSettings()),
        ("conversation", ConversationSettings()),
        ("providers", ProviderSettings()),
        ("services", ServiceSettings()),
    ],
)
def test_every_setting_is_there_with_its_default(section: str, settings: object):
    assert dataclasses.is_dataclass(settings)
    values = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    for name in ("secret", "token"):
        values.pop(name, None)
    defaults = {name: cells[0] for name, cells in table(section).items()}
    assert defaults == {name: told(name, value) for name, value in values.items()}


def test_it_says_whose_each_setting_is():
    owners = {name for name, cells in table("conversation").items() if cells[-1] == "owner"}
    assert owners == OWNERS_ONLY
    of_services = {name: cells[-1] for name, cells in table("services").items()}
    assert {name for name, who in of_services.items() if who == "session"} == {*MODELS, LANGUAGE}
    assert set(of_services.values()) == {"session", "owner"}


def test_the_texts_that_are_only_counted():
    defaults = ConversationSettings()
    assert (len(defaults.idle_prompts), len(defaults.end_phrases)) == (2, 3)
    assert defaults.greeting is None
    assert isinstance(defaults.apology, str)


def test_every_key_is_named():
    named = set(re.findall(r"`([A-Z_]+)`", TEXT.partition("## Keys")[2]))
    assert named == set(KEY_VARIABLES)
