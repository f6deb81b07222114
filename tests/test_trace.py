"""What happened is written down once and read back the same."""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench
from bench import clock, events, truths
from bench.events import (
    AgentFinished,
    ConversationEnded,
    ConversationStarted,
    Fact,
    ToolCalled,
    TurnCommitted,
    Word,
)
from bench.testing import ScriptedAgent, ToneSynthesizer
from bench.trace import KINDS, Entry, Trace, entry_from_dict, entry_to_dict, entry_to_json
from tests.engine.scene import Listener, Scene, play

pytestmark = pytest.mark.unit

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    tuple[Word, ...]: st.lists(st.builds(Word), max_size=3).map(tuple),
    Mapping[str, int]: st.dictionaries(TEXT, st.integers(), max_size=3),
    Mapping[str, object]: st.dictionaries(
        TEXT, st.one_of(TEXT, st.none(), st.booleans(), st.integers()), max_size=3
    ),
}
SECONDS = st.integers(0, 10**12).map(lambda ticks: ticks / 1e6)


def fact_classes() -> list[type[Fact]]:
    """Every fact of the package, found by walking it."""
    for module in pkgutil.walk_packages(bench.__path__, "bench."):
        if module.name.startswith("bench.engine") or module.name.count(".") == 1:
            if not module.name.endswith(("__main__", "cli")):
                importlib.import_module(module.name)
    found: list[type[Fact]] = []
    for kind in Fact.__subclasses__():
        found += [kind, *kind.__subclasses__()]
    return sorted({kind.__name__: kind for kind in found}.values(), key=lambda kind: kind.__name__)


def any_of(kind: type[Fact]) -> st.SearchStrategy[Fact]:
    hints = get_type_hints(kind)
    fields = {field.name: VALUES[hints[field.name]] for field in dataclasses.fields(kind)}
    return st.builds(kind, **fields)


def test_no_fact_lives_outside_the_vocabulary():
    assert {kind.__name__: kind for kind in fact_classes()} == KINDS
    modules = {kind.__module__ for kind in fact_classes()}
    assert {name.rpartition(".")[0] for name in modules - {truths.__name__}} == {events.__name__}


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_every_fact_comes_back_as_it_was(kind: str, data: st.DataObject):
    entry = Entry(data.draw(SECONDS), data.draw(any_of(KINDS[kind])))
    line = entry_to_json(entry)
    assert "\n" not in line
    assert entry_from_dict(json.loads(line)) == entry
    (back,) = Trace.read([line])
    assert back == entry
    assert entry_to_json(back) == line


@given(st.sampled_from(sorted(KINDS)), st.data())
@settings(max_examples=60, deadline=None)
def test_a_line_has_sorted_keys_and_six_decimals(kind: str, data: st.DataObject):
    at = data.draw(SECONDS)
    line = entry_to_json(Entry(at, data.draw(any_of(KINDS[kind]))))
    fields = json.loads(line)
    assert list(fields) == sorted(fields)
    assert fields["kind"] == kind
    assert f'"at":{at:.6f},' in line or f'"at":{at:.6f}' in line


def test_a_text_that_looks_like_the_instants_place_is_left_alone():
    for text in ("\0", '"at":"\0"', "at"):
        entry = Entry(1.5, ToolCalled("tool", arguments=text))
        assert Trace.read([entry_to_json(entry)]).entries == [entry]


def test_a_whole_trace_there_and_back(tmp_path: Path):
    scene = play(_plain)
    path = tmp_path / "trace.jsonl"
    scene.trace.write(path)
    with path.open(encoding="utf-8") as lines:
        back = Trace.read(lines)
    assert list(back.lines()) == list(scene.trace.lines())
    assert back.entries == scene.trace.entries


@pytest.mark.parametrize(
    "line", ["", "{}", '{"at": 1, "kind": "Nonsense"}', "[1]", '{"kind": "Held"}', "null", "junk"]
)
def test_a_line_that_is_no_fact_is_named(line: str):
    good = entry_to_json(Entry(0.0, TurnCommitted("hello", "silence")))
    with pytest.raises(ValueError, match=r"line 2 of the trace is not a fact"):
        Trace.read([good, line])


def test_instants_count_from_the_start_and_are_rounded_to_a_microsecond():
    async def main() -> Trace:
        trace = Trace()
        trace.record(TurnCommitted("before", ""))
        await clock.sleep(5.0)
        trace.start()
        await clock.sleep(1 / 3)
        trace.start()
        trace.record(TurnCommitted("after", ""))
        return trace

    trace = clock.run(main(), virtual=True)
    assert trace.at(TurnCommitted) == [0.0, 0.333333]
    assert [fact.text for fact in trace.of(TurnCommitted)] == ["before", "after"]
    assert len(trace) == 2


def test_listeners_hear_everything_until_they_stop():
    trace, heard = Trace(), list[str]()
    stops: list[Any] = []

    def once(entry: Entry) -> None:
        heard.append("once")
        stops.pop()()

    stops.append(trace.listen(once))
    stop = trace.listen(lambda entry: heard.append("always"))
    for _ in range(2):
        trace.record(TurnCommitted("hello", ""))
    stop()
    stop()
    trace.record(TurnCommitted("hello", ""))
    assert heard == ["once", "always", "always"]


def test_a_fact_keeps_what_it_was_told_though_the_teller_goes_on_counting():
    usage = {"tokens": 1}
    entry = Entry(0.0, AgentFinished(usage=usage))
    fields = entry_to_dict(entry)
    usage["tokens"] = 2
    assert fields["usage"] == {"tokens": 1}


def test_settings_in_a_trace_come_back_equal():
    scene = play(_nothing, idle_prompts=("Hello?",), end_phrases=("bye",))
    (started,) = scene.trace.of(ConversationStarted)
    (back,) = Trace.read(list(scene.trace.lines())).of(ConversationStarted)
    assert back == started


async def _nothing(scene: Scene) -> None:
    pass


async def _plain(scene: Scene) -> None:
    scene.user.hear("When are", final=False)
    scene.user.hear("When are you open?")
    await clock.sleep(4.0)


PLAIN_TURN = """\
0.000000 0 ConversationStarted
0.000000 1 TranscriptReceived
0.000000 1 TranscriptReceived
0.000000 1 TurnCommitted
0.000000 1 AgentRequested
0.500000 1 FirstToken
0.700000 1 SentenceReady
0.700000 1 SynthesisRequested
0.800000 1 FirstAudio
0.800000 1 PlaybackStarted
0.800000 1 FirstAudible
0.800000 1 SynthesisFinished
0.900000 1 AgentFinished
0.900000 1 SentenceReady
0.900000 1 SynthesisRequested
1.000000 1 SynthesisFinished
2.050000 1 PlaybackFinished
4.000000 1 ConversationEnded"""


def test_the_familiar_order_of_a_plain_turn():
    agent = ScriptedAgent(["Every day. Until five o'clock."], think_seconds=0.5, word_seconds=0.1)
    synthesizer = ToneSynthesizer(seconds_per_word=0.25, first_seconds=0.1)
    scene = play(
        _plain, agent=agent, synthesizer=synthesizer, speaker=Listener(reports=False), vad=None
    )
    rows = [f"{at:.6f} {fact.turn} {type(fact).__name__}" for at, fact in scene.trace]
    rounded = [f"{round(float(row.split()[0]), 4):.6f} {row.split(' ', 1)[1]}" for row in rows]
    assert "\n".join(rounded) == PLAIN_TURN


def test_the_same_conversation_gives_the_same_bytes():
    one, two = (list(play(_plain).trace.lines()) for _ in range(2))
    assert one == two


def test_a_listener_that_raises_breaks_nothing_and_is_not_called_again(
    caplog: pytest.LogCaptureFixture,
):
    told: list[object] = []

    def broken(entry: object) -> None:
        told.append(entry)
        raise RuntimeError("api_key=sk-1234567890abcdef")

    trace = Trace()
    trace.listen(broken)
    trace.listen(told.append)
    for _ in range(2):
        trace.record(ConversationEnded("terminated"))
    assert len(told) == 3
    assert len(trace) == 2
    assert "sk-1234567890abcdef" not in caplog.text


def test_half_a_character_is_written_as_none():
    trace = Trace()
    trace.record(events.TurnWithdrawn("so \ud83d", "half an emoji"))
    (line,) = trace.lines()
    assert '"so ?"' in line
    assert line.encode()
