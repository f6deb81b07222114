"""The page holds all it shows, loads nothing, and holds any words without becoming them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest

from bench.audio import SAMPLE_RATE
from bench.events import Fact
from bench.replay.comparison import Comparison
from bench.replay.golden import Difference, Likeness
from bench.replay.runs import Verdict
from bench.report.html import html
from bench.report.markup import Markup, tag
from bench.report.sound import mulaw_wav, recording
from bench.trace import Entry
from tests.report.some_runs import one, several

pytestmark = pytest.mark.replay

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x00\ud800 $body"
VOID = {"br", "img", "meta", "wbr"}


class Reader(HTMLParser):
    """The elements of a page, and whether each is closed where it was opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.texts.append(data)

    def named(self, name):
        return [attributes for found, attributes in self.elements if found == name]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def hostile_run():
    """A run all of whose texts try to break out."""
    run = dataclasses.replace(one())
    run.trace = type(run.trace)()
    run.trace.entries = [Entry(at, _hostile(fact)) for at, fact in one().trace]
    run.scenario = dataclasses.replace(run.scenario, id=HOSTILE, title=HOSTILE)
    run.stack = dataclasses.replace(run.stack, voice=HOSTILE)
    run.void, run.assumptions = "", (HOSTILE,)
    run.verdicts = [Verdict(HOSTILE, "fail", HOSTILE, HOSTILE, HOSTILE)]
    run.messages = ({"sender": HOSTILE, "text": HOSTILE, "interrupted": True},)
    return run


def _hostile(fact: Fact) -> Fact:
    names = {"text", "heard", "intended", "context"} & {f.name for f in dataclasses.fields(fact)}
    words = HOSTILE.replace("\ud800", "")  # which no trace can be written with
    told = {name: f"{getattr(fact, name)} {words}" for name in names if getattr(fact, name)}
    return dataclasses.replace(fact, **told)


def test_a_page_of_nothing_says_so():
    page = Reader(html([]))
    assert "Nothing was played" in page.text


def test_it_shows_what_was_expected_heard_and_measured():
    page = Reader(html(several(1)))
    for shown in ("steps.cut.heard", "1 word more", "at most 0.06", "no price"):
        assert shown in page.text
    assert "We are open from nine to five on weekdays. On Saturdays" in page.text
    assert "the history holds just what was heard" in page.text
    assert "modelled, not measured" in page.text
    assert "word times of the partials" in page.text
    images = page.named("img")
    assert len(images) >= 5 + 2 * 3
    assert all(image["alt"] for image in images)
    assert len(page.named("audio")) == 2


def test_it_loads_nothing_and_runs_its_own_script_only():
    page = html([one()])
    sources = re.findall(r'(?:src|href|action|data)="([^"]*)"', page)
    assert {source.partition(":")[0] for source in sources if not source.startswith("#")} == {
        "data"
    }
    assert not re.search(r"https?:|//\w|@import|url\(", re.sub(r'"data:[^"]*"', "", page))
    (policy,) = [
        meta["content"] for meta in Reader(page).named("meta") if "content" in meta
        and "default-src" in (meta["content"] or "")
    ]  # fmt: skip
    for name in ("style", "script"):
        (inside,) = re.findall(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_any_words_stay_words():
    page = html([hostile_run()], None, [Verdict(HOSTILE, "fail", HOSTILE, HOSTILE, HOSTILE)])
    page.encode("utf-8")
    read = Reader(page)
    assert len(read.named("script")) == 1
    assert all(image["src"].startswith("data:image/png;base64,") for image in read.named("img"))
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert "alert(1)" in read.text
    assert "\0" not in page


def test_what_did_not_pass_comes_first_and_void_runs_count_for_nothing():
    first, other, second = several(2)[:3]
    passed = dataclasses.replace(first, verdicts=[Verdict("run.turns", "pass", "2", "2")])
    void = dataclasses.replace(other, void="a frame left 40 ms late")
    page = Reader(html([passed, void, second], drawn_runs=0))
    told = page.texts[page.texts.index("Runs") :]
    places = [told.index(name) for name in ("fail", "void")]
    assert places == sorted(places)
    assert told.index("void") < len(told) - 1 - told[::-1].index("pass")
    assert "Counts for nothing: a frame left 40 ms late" in page.text
    figures = page.text.partition("Figures")[2].partition("Over all runs")[0]
    assert passed.stack.name in figures
    assert void.stack.name not in figures


def test_what_is_left_out_is_told():
    page = Reader(html(several(1), audio_seconds=30.0, drawn_runs=1))
    assert len(page.named("audio")) == 1
    assert "was left out to keep the page small" in page.text
    assert "Pictures left out" in page.text
    silent = dataclasses.replace(one(), user_pcm=b"", bot_pcm=b"")
    assert "There is no recording" in Reader(html([silent])).text


def test_the_comparison_is_told_in_full():
    difference = Difference("heard", "answer 1", "- a\n+ <b>b</b>")
    comparison = Comparison(
        (Likeness("x/y/0", (difference,)),), (Verdict("v2v_ms p50", "inconclusive", "5 %", "7 %"),)
    )
    page = Reader(html([one()], comparison))
    assert "Beside the baseline:" in page.text
    assert "+ <b>b</b>" in page.text
    assert "v2v_ms p50" in page.text


def test_a_recording_is_both_voices_in_mulaw():
    uri = recording(one())
    data = base64.b64decode(uri.partition(",")[2])
    samples = len(one().user_pcm) // 2
    assert data[:4] == b"RIFF"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data[20:22] == b"\x07\x00"
    assert data[22] == 2
    assert int.from_bytes(data[24:28], "little") == SAMPLE_RATE
    assert data[38:46] == b"fact" + (4).to_bytes(4, "little")
    assert int.from_bytes(data[46:50], "little") == samples
    assert len(mulaw_wav(b"\xff" * 3, 1)) % 2 == 0


def test_markup_escapes_all_but_markup():
    inner = tag("b", "<i>", title='"&')
    assert inner == '<b title="&quot;&amp;">&lt;i&gt;</b>'
    assert tag("p", inner, None, "&") == f"<p>{inner}&amp;</p>"
    assert tag("img", alt=None, hidden=True, data_x=1) == '<img hidden data-x="1">'
    assert isinstance(inner, Markup)


def test_the_same_runs_make_the_same_page():
    assert html([one()]) == html([one()])
