"""What the documents point at is there, what they show is so, and the picture stands alone."""

import doctest
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import cli
from bench.cli import main

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_that_are_named_exist(page: Path):
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
    lost = [link for link in links if not (page.parent / link).exists()]
    files = re.findall(r"`((?:bench|tests|docs)/[\w./-]+\.\w+)`", text)
    lost += [file for file in files if not (ROOT / file).exists()]
    assert lost == []


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"(?s)```.*?```", "", page.read_text("utf-8"))
    heads = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_headings_that_are_pointed_at_exist(page: Path):
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*\.md)?#([^)\s]+)\)", page.read_text("utf-8"))
    lost = [(to, head) for to, head in links if head not in slugs(page.parent / to if to else page)]
    assert lost == []


def blocks(page: Path, *kinds: str) -> list[str]:
    found = re.findall(r"(?m)^```(\w+)\n((?s:.*?))^```$", page.read_text("utf-8"))
    return [text for kind, text in found if kind in kinds]


def commands(page: Path) -> list[list[str]]:
    """The words of every `talkbench` command that a page shows whole."""
    shown = "\n".join(blocks(page, "sh", "console")).replace("\\\n", " ")
    shown += "\n".join(re.findall(r"(?m)^    talkbench .*$", page.read_text("utf-8")))
    lines = re.findall(r"(?m)^[ $]*(?:\S+/)?talkbench (.+)$", shown)
    return [shlex.split(line.removesuffix("&"), comments=True) for line in lines if "…" not in line]


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_shown_are_taken(page: Path):
    for words in commands(page):
        if "--help" not in words:
            cli._parser(words[0]).parse_args(words)


def test_what_the_readme_shows_is_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    shown = blocks(ROOT / "README.md", "python")
    asked = "\n".join(text for text in shown if text.startswith(">>>"))
    session = doctest.DocTestParser().get_doctest(asked, {}, "README.md", "README.md", 0)
    told = list[str]()
    ran = doctest.DocTestRunner().run(session, out=told.append)
    assert ran.attempted > 8
    assert not ran.failed, "".join(told)
    names: dict[str, object] = {}
    for text in shown:
        if not text.startswith(">>>"):
            exec(compile(text, "README.md", "exec"), names)


def test_commands_that_are_named_exist(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = {
        line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:4] == "    "
    }
    named = {
        command
        for page in DOCUMENTS
        for command in re.findall(r"`talkbench (\w+)", page.read_text("utf-8"))
    }
    assert sorted(named - listed) == []


def test_every_part_of_the_package_is_on_the_map():
    named = (ROOT / "docs" / "index.md").read_text("utf-8")
    parts = {
        path.stem for path in (ROOT / "bench").iterdir() if not path.name.startswith(("_", "py"))
    }
    engine = {path.stem for path in (ROOT / "bench" / "engine").glob("[!_]*.py")}
    assert [part for part in sorted(parts) if part not in named] == []
    seams = {"transcriber", "agent", "synthesizer", "output", "transcript", "turns", "vad"}
    assert seams <= engine
    assert [seam for seam in sorted(seams) if f"engine/{seam}.py" not in named] == []


def test_the_picture_stands_alone_and_knows_both_themes():
    picture = ROOT / "docs" / "architecture.svg"
    tree = ET.parse(picture)
    assert tree.getroot().get("viewBox")
    text = picture.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|href|@import|<script|<image", text)
    assert "prefers-color-scheme: dark" in text
    ink = {mark.get("class") for mark in tree.iter() if mark.tag.endswith(("rect", "path"))}
    assert None not in ink, "a mark without a class keeps its colour in the dark"
