"""The documentation names every key and every expectation, and its examples can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.replay import schema_expect, schema_script, schema_setup
from bench.replay.expectations_table import TABLE
from bench.replay.reading import KEYS, read
from bench.replay.scenario import Scenario

pytestmark = pytest.mark.unit

TEXT = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def of_file(folder: Path, text: str) -> Scenario:
    path = folder / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path)


@pytest.mark.parametrize(
    "names",
    [
        KEYS,
        schema_setup.KEYS,
        schema_script.KEYS,
        schema_script.ANCHORS,
        schema_script.ROLES,
        schema_expect.EXACT,
        schema_expect.STATS,
    ],
)
def test_every_key_is_named(names: tuple[str, ...]) -> None:
    assert [name for name in names if not re.search(rf"[`{{ ]{name}[`:]", TEXT)] == []


@pytest.mark.parametrize("where", TABLE)
def test_every_expectation_stands_in_a_table_with_its_operand(where: str) -> None:
    heading = {"step": "Of a step", "run": "Of the run", "across": "Across repeats"}[where]
    section = TEXT.split(f"### {heading}")[1].split("\n#")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+)", section, re.MULTILINE))
    assert rows == {name: metric.kind for name, metric in TABLE[where].items()}


def test_the_examples_can_be_read(tmp_path: Path) -> None:
    whole, part = EXAMPLES
    assert of_file(tmp_path, whole).script
    assert len(of_file(tmp_path, whole + part).stacks) == 3
