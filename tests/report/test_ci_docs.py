"""The workflow to copy asks for nothing that the command does not take."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
import yaml

from bench.report.command import add_replay_parser

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text("utf-8")


def workflow():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return yaml.safe_load(text)


def test_the_workflow_is_yaml_with_steps_in_order():
    (job,) = workflow()["jobs"].values()
    names = [step.get("name") for step in job["steps"]]
    assert names.index("fetch the baseline") < names.index("replay") < names.index("reports")
    assert all("uses" in step or "run" in step for step in job["steps"])


def test_its_replay_is_one_that_the_command_takes():
    (job,) = workflow()["jobs"].values()
    script = next(step["run"] for step in job["steps"] if step.get("name") == "replay")
    (line,) = re.findall(r"talkbench (replay .*?) \|\|", script.replace("\\\n", " "))
    words = shlex.split(line.replace("$compared", "--baseline baseline"))
    parser = argparse.ArgumentParser()
    add_replay_parser(parser.add_subparsers())
    asked = parser.parse_args(words)
    assert asked.paths == [Path("scenarios")]
    assert str(asked.baseline) == "baseline"
    assert str(asked.junit) == "junit.xml"


def test_the_python_on_the_page_runs_as_far_as_names_go():
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(code, "ci.md", "exec")
        for line in code.splitlines():
            if line.startswith("from "):
                exec(line, {})
