"""Scenario files as they are read: what each key becomes, and what stands for what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.replay.document import ScenarioError
from bench.replay.reading import read, read_all
from bench.replay.scenario import (
    Anchor,
    Channel,
    Expectation,
    Gate,
    GateMetric,
    Jitter,
    Loss,
    Noise,
    Playout,
    Scenario,
    Setup,
    Stack,
    Voice,
)
from bench.replay.templates import new
from bench.simulation.context import Reply
from bench.simulation.faults import Fault

pytestmark = pytest.mark.unit

SIX_LINES = """\
scenario: 1
id: one-turn
script: [{id: hi, say: "Hello, can you hear me?", at: {time: 0.5}}]
expect: {steps: {hi: {v2v_ms: {max: 2000}}}}
"""
WHOLE = """\
scenario: 1
id: whole
title: Everything at once
tags: [interrupt, smoke]
setup:
  clock: wall
  seed: 7
  repeat: 40
  max_s: 90
  audio: {rate: 16000, frame_ms: 40}
  voice: {engine: espeak-ng, name: en-gb, speed: 1.1, pitch: 40}
  channel:
    codec: pcmu-8k
    noise: {kind: babble, snr_db: 12}
    loss: {model: gilbert, rate: 0.02, burst_ms: 80, conceal: false}
    jitter: {shape: gamma, mean_ms: 15}
    delay_ms: 40
    echo_db: -35
  playout: {buffer_ms: 120, report_every_ms: 20, report_delay_ms: 60, reports: false}
  vad: false
  settings: {greeting: "Hello.", barge_in: on-words(2), idle_seconds: null, idle_prompts: ["Well?"]}
providers:
  matrix:
    stt: [sim:deepgram-nova-3, embedded]
    llm: [sim:gpt-4.1]
    voice: [default, anna]
  exclude: [{stt: embedded, voice: anna}]
  pair_by: [scenario, step]
profiles:
  sim:gpt-4.1: {ttfat_ms: {p50: 600, p95: 1800}}
faults:
  - {at: llm, when: {turn: 3}, kind: http_429, retry_after_s: 2}
  - {at: tts, when: {utterance: cut, after_audio_ms: 900}, kind: disconnect, every: true}
bot:
  replies:
    - {match: hours, say: "We are open from nine to five."}
    - {match: "*", say: All right.}
script:
  - {id: hello, say: "What are <pause 0.9s> your hours?", at: {time: 0.5}}
  - id: cut
    say: Sorry, only Sunday please.
    as: interrupt
    at: {bot_word: 3, plus: 0.1}
    within: {timeout_s: 8, if_missed: skip}
    voice: {speed: 0.9}
  - {id: hm, say: mhm, as: backchannel, at: {bot_starts: +1.2}, gain_db: -6}
  - {id: word, say: and, as: side_talk, at: {user_word: [hello, 3], plus: 0.2}}
  - {id: idle, silence: 12, at: {bot_ends: 0}}
  - {id: more, say: "Hello?", at: {after: idle, plus: 0.4}}
  - {id: last, say: Bye., at: {event: FirstToken}}
expect:
  steps:
    cut: {stop_ms: {max: 400}, heard: "We are", heard_tolerance_words: 1, resume: false}
    idle: {bot_says: {contains: still there}, between_s: [8, 11]}
  run:
    turns: {bot: [5, 6], user: 5}
    underruns: {max: 0}
    events: {absent: [WorkerFailed], present: [Retried]}
  across_repeats:
    v2v_ms: {p50: {max: 1200}, p95: {max: 2200}, min_events: 20}
    false_interrupt_rate: {max: 0.02, min_events: 10}
gate:
  baseline: main
  metrics:
    v2v_ms@p95: {stat: p95, margin: 10%}
    stop_ms: {stat: median_paired, margin: 30ms}
    cutoff_exact: {stat: rate, margin: 2pp, direction: higher}
  alpha: 0.01
  correction: none
  inconclusive: fail
  exact_in_virtual_time: [heard]
"""


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Scenario:
    return read(written(tmp_path, WHOLE))


def test_six_lines_are_a_scenario(tmp_path: Path) -> None:
    scenario = read(written(tmp_path, SIX_LINES))
    (step,) = scenario.script
    assert (step.id, step.say, step.role) == ("hi", "Hello, can you hear me?", "turn")
    assert step.at == Anchor("time", 0.5)
    assert scenario.setup == Setup()
    assert scenario.stacks == (Stack(),)
    assert scenario.expect == (Expectation("step", "v2v_ms", {"max": 2000.0}, "hi", 4),)


def test_setup_is_in_seconds(whole: Scenario) -> None:
    assert whole.setup == Setup(
        clock="wall",
        seed=7,
        repeat=40,
        max_seconds=90.0,
        frame_seconds=0.04,
        voice=Voice("en-gb", 1.1, 40),
        channel=Channel(
            "pcmu-8k",
            Noise(12.0, "babble"),
            Loss(0.02, "gilbert", 0.08, conceal=False),
            Jitter(0.015),
            0.04,
            -35.0,
        ),
        playout=Playout(0.12, 0.02, 0.06, reports=False),
        vad=False,
        settings={
            "greeting": "Hello.",
            "barge_in": "on-words(2)",
            "idle_seconds": None,
            "idle_prompts": ("Well?",),
        },
    )


def test_matrix_is_every_combination_but_the_excluded(whole: Scenario) -> None:
    chosen = [(stack.stt, stack.llm, stack.voice) for stack in whole.stacks]
    assert chosen == [
        ("sim:deepgram-nova-3", "sim:gpt-4.1", "default"),
        ("sim:deepgram-nova-3", "sim:gpt-4.1", "anna"),
        ("embedded", "sim:gpt-4.1", "default"),
    ]
    assert whole.pair_by == ("scenario", "step")


def test_profiles_faults_and_replies(whole: Scenario) -> None:
    assert whole.profiles == {"sim:gpt-4.1": {"ttfat_ms": {"p50": 600, "p95": 1800}}}
    assert whole.faults == (
        Fault("llm", "http_429", turn=3, retry_after_seconds=2.0),
        Fault("tts", "disconnect", utterance="cut", after_audio_seconds=0.9, every=True),
    )
    assert whole.replies == (
        Reply("hours", "We are open from nine to five."),
        Reply("*", "All right."),
    )
    assert whole.bot_voice is None


def test_anchors(whole: Scenario) -> None:
    assert [step.at for step in whole.script] == [
        Anchor("time", 0.5),
        Anchor("bot_word", 0.1, word=3),
        Anchor("bot_starts", 1.2),
        Anchor("user_word", 0.2, step="hello", word=3),
        Anchor("bot_ends", 0.0),
        Anchor("after", 0.4, step="idle"),
        Anchor("event", 0.0, event="FirstToken"),
    ]


def test_steps(whole: Scenario) -> None:
    hello, cut, hm, _, idle, *_ = whole.script
    assert (hello.say, hello.text) == ("What are <pause 0.9s> your hours?", "What are your hours?")
    assert (cut.role, cut.timeout_seconds, cut.if_missed) == ("interrupt", 8.0, "skip")
    assert cut.voice == Voice("en-gb", 0.9, 40)  # the rest as in the setup
    assert (hm.gain_db, hm.voice) == (-6.0, whole.setup.voice)
    assert (idle.silence, idle.role, idle.text, idle.voice) == (12.0, "silence", "", None)
    assert [step.line for step in whole.script][:2] == [39, 40]


def test_expectations_keep_what_the_file_says_of_them(whole: Scenario) -> None:
    said = {expected.name: expected.wanted for expected in whole.expect}
    assert said == {
        "steps.cut.stop_ms": {"max": 400.0},
        "steps.cut.heard": "We are",
        "steps.cut.heard_tolerance_words": 1,
        "steps.cut.resume": False,
        "steps.idle.bot_says": {"contains": "still there"},
        "steps.idle.between_s": [8.0, 11.0],
        "run.turns": {"bot": [5.0, 6.0], "user": 5},
        "run.underruns": {"max": 0.0},
        "run.events": {"absent": ["WorkerFailed"], "present": ["Retried"]},
        "across_repeats.v2v_ms": {"p50": {"max": 1200.0}, "p95": {"max": 2200.0}, "min_events": 20},
        "across_repeats.false_interrupt_rate": {"max": 0.02, "min_events": 10},
    }


def test_gate_margins_are_in_the_metrics_unit_or_shares(whole: Scenario) -> None:
    assert whole.gate == Gate(
        metrics=(
            GateMetric("v2v_ms", "p95", 0.1, relative=True),
            GateMetric("stop_ms", "median_paired", 30.0, relative=False),
            GateMetric("cutoff_exact", "rate", 0.02, relative=False, direction="higher"),
        ),
        alpha=0.01,
        correction="none",
        inconclusive="fail",
        exact=("heard",),
        baseline="main",
    )


def test_a_single_stack_stands_in_setup_by_either_names(tmp_path: Path) -> None:
    setup = "setup: {stt: embedded, llmProvider: sim:gpt-4o, tts: embedded}\n"
    scenario = read(written(tmp_path, SIX_LINES + setup))
    assert scenario.stacks == (Stack("embedded", "sim:gpt-4o", "embedded"),)


def test_stacks_may_be_listed(tmp_path: Path) -> None:
    listed = "providers: {list: [{stt: embedded}, {llm: sim:gpt-4o, voice: anna}]}\n"
    scenario = read(written(tmp_path, SIX_LINES + listed))
    assert scenario.stacks == (Stack(stt="embedded"), Stack(llm="sim:gpt-4o", voice="anna"))


def test_words_that_yaml_takes_for_something_else_are_texts(tmp_path: Path) -> None:
    step = "script: [{id: no, say: no, at: {time: 1}}, {id: on, say: 'on', at: {after: no}}]\n"
    scenario = read(written(tmp_path, "scenario: 1\nid: yes\n" + step))
    assert [step.say for step in scenario.script] == ["no", "on"]
    assert scenario.id == "yes"


def test_what_services_are_told_of_what_they_will_hear(tmp_path: Path) -> None:
    asked = "setup: {language: de-AT, keyterms: [Zoë, Herr Ober]}\n"
    setup = read(written(tmp_path, SIX_LINES + asked)).setup
    assert (setup.language, setup.keyterms) == ("de-AT", ("Zoë", "Herr Ober"))


def test_an_included_file_lies_beneath(tmp_path: Path) -> None:
    below = "setup: {seed: 1, max_s: 20}\nbot: {replies: [{match: '*', say: Yes.}]}\n"
    written(tmp_path, below, "shared/_base.yaml")
    above = SIX_LINES + "include: ../shared/_base.yaml\nsetup: {seed: 5}\n"
    scenario = read(written(tmp_path, above, "turns/a.yaml"))
    assert (scenario.setup.seed, scenario.setup.max_seconds) == (5, 20.0)
    assert scenario.replies == (Reply("*", "Yes."),)


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    base = written(tmp_path, "\nsetup: {sead: 1}\n", "_base.yaml")
    path = written(tmp_path, SIX_LINES + "include: [_base.yaml]\n")
    with pytest.raises(ScenarioError) as caught:
        read(path)
    assert (caught.value.file, caught.value.line) == (base, 2)


def test_an_alias_repeats_what_it_names(tmp_path: Path) -> None:
    text = SIX_LINES.replace("{v2v_ms: {max: 2000}}", "{v2v_ms: &most {max: 2000}, stop_ms: *most}")
    scenario = read(written(tmp_path, text))
    assert [expected.wanted for expected in scenario.expect] == [{"max": 2000.0}] * 2


def test_folders_are_read_in_order_without_what_is_only_included(tmp_path: Path) -> None:
    for name in ("b/two.yaml", "a/one.yml", "b/_shared.yaml", ".hidden/three.yaml", "note.txt"):
        written(tmp_path, SIX_LINES.replace("one-turn", Path(name).stem), name)
    scenarios = read_all([tmp_path, tmp_path / "a" / "one.yml"])
    assert [scenario.id for scenario in scenarios] == ["one", "two"]


def test_two_files_cannot_have_the_same_id(tmp_path: Path) -> None:
    first, second = (written(tmp_path, SIX_LINES, name) for name in ("a.yaml", "b.yaml"))
    with pytest.raises(ScenarioError, match="'one-turn' is that of") as caught:
        read_all([tmp_path])
    assert caught.value.file == second
    assert str(first) in str(caught.value)


def test_speech_is_kept_beside_the_file_or_where_the_folder_above_keeps_it(tmp_path: Path) -> None:
    path = written(tmp_path, SIX_LINES, "turns/a.yaml")
    assert read(path).audio == tmp_path / "turns" / "audio"
    (tmp_path / "audio").mkdir()
    assert read(path).audio == tmp_path / "audio"


def test_a_new_scenario_can_be_read(tmp_path: Path) -> None:
    scenario = read(written(tmp_path, new("mine", "mine.yaml"), "mine.yaml"))
    assert scenario.id == "mine"
    assert len(scenario.script) == 3
