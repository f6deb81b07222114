"""Scenario files that are wrong: one message each, with its line, its key and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from bench.errors import ConfigError
from bench.replay.document import LARGEST_BYTES, ScenarioError
from bench.replay.reading import read, read_all

pytestmark = pytest.mark.unit


class Mistake(NamedTuple):
    """A scenario with one line changed, and what its message must hold."""

    old: str
    new: str
    line: int
    says: str
    allows: str = ""


GOOD = """\
scenario: 1
id: good
setup: {seed: 1}
bot: {replies: [{match: hours, say: "We are open from nine to five."}]}
script:
  - {id: ask, say: "What are your hours?", at: {time: 0.5}}
  - {id: cut, say: "Only Sunday.", as: interrupt, at: {bot_word: 4}}
  - {id: idle, silence: 5, at: {bot_ends: 0}}
faults: [{at: tts, kind: disconnect, when: {turn: 1}}]
expect:
  steps: {cut: {stop_ms: {max: 400}, resume: false}}
  run: {underruns: {max: 0}}
gate: {metrics: {v2v_ms: {stat: p50, margin: 5%}}}
"""
SETUP, BOT = "setup: {seed: 1}", "as: interrupt, at: {bot_word: 4}"
ASK, IDLE = "at: {time: 0.5}", "{id: idle, silence: 5, at: {bot_ends: 0}}"
REPLY = '{replies: [{match: hours, say: "We are open from nine to five."}]}'
CUT, RUN = "{stop_ms: {max: 400}, resume: false}", "{underruns: {max: 0}}"
FAULT, GATE = "{at: tts, kind: disconnect, when: {turn: 1}}", "{stat: p50, margin: 5%}"

MISTAKES = {
    # keys
    "unknown key": Mistake("faults:", "fautls:", 9, "fautls: unknown key, did you mean 'faults'?"),
    "unknown key in a step": Mistake("silence: 5", "silent: 5", 8, "did you mean 'silence'?"),
    "missing key": Mistake("id: good\n", "", 1, "the key 'id' is missing"),
    "missing script": Mistake("script:", "expcet: 1\nscript:", 5, "unknown key"),
    "twice": Mistake(SETUP, SETUP + "\nid: b", 4, "id: stands here twice, first in line 2"),
    # types
    "version": Mistake("scenario: 1", "scenario: 2", 1, "schema is unknown", "1"),
    "version as text": Mistake("scenario: 1", "scenario: x", 1, "is 'x'", "a whole number"),
    "seed": Mistake("seed: 1", "seed: soon", 3, "setup.seed: is 'soon'", "a whole number, 0 to"),
    "flag": Mistake("resume: false", "resume: maybe", 11, "is 'maybe'", "true, false"),
    "no text": Mistake('"Only Sunday."', "7", 7, "is 7", 'a text in "quotes"'),
    "empty text": Mistake('"Only Sunday."', '" "', 7, "is an empty text"),
    "no list": Mistake("script:\n", "script: 3\nx:\n", 6, "unknown key"),
    "no mapping": Mistake(SETUP, "setup: [1]", 3, "setup: is a list", "a mapping"),
    "choice": Mistake(SETUP, "setup: {clock: wal}", 3, "did you mean 'wall'?", "virtual, wall"),
    "range": Mistake(SETUP, "setup: {max_s: -1}", 3, "is -1", "a number, 0.5 to 3600 s"),
    "infinity": Mistake(SETUP, "setup: {max_s: .inf}", 3, "is '.inf'", "a number"),
    "rate": Mistake(SETUP, "setup: {audio: {rate: 8000}}", 3, "is 8000", "16000"),
    "id": Mistake("id: good", "id: Good One", 2, "is 'Good One'", "small letters"),
    # setup
    "setting": Mistake(SETUP, "setup: {settings: {barge: x}}", 3, "did you mean 'barge_in'?"),
    "setting's value": Mistake(SETUP, "setup: {settings: {barge_in: x}}", 3, "is 'x': want hold"),
    "setting's type": Mistake(SETUP, "setup: {settings: {barge_in: 3}}", 3, "is 3: want a text"),
    "settings together": Mistake(
        SETUP, "setup: {settings: {lead_seconds: 0.01}}", 3, "want at least chunk_seconds"
    ),
    "fallback": Mistake(
        SETUP,
        "setup: {fallback: {tts: sim:azure-neurl}}",
        3,
        "setup.fallback.tts: there is no tts 'sim:azure-neurl', did you mean 'sim:azure-neural'?",
        "sim:azure-neural",
    ),
    "fallback's part": Mistake(
        SETUP, "setup: {fallback: {ttss: embedded}}", 3, "did you mean 'tts'?", "stt, llm, tts"
    ),
    "fallback to nobody": Mistake(SETUP, "setup: {fallback: {}}", 3, "names nobody", "stt"),
    "fallback to itself": Mistake(
        SETUP,
        "setup: {llm: embedded, fallback: {llm: embedded}}",
        3,
        "setup.fallback.llm: is 'embedded', and so is the provider that fails",
        "another",
    ),
    "language": Mistake(SETUP, "setup: {language: german}", 3, "is 'german': want a code"),
    "keyterms": Mistake(SETUP, "setup: {keyterms: ['']}", 3, "setup.keyterms[0]: is an empty text"),
    "many keyterms": Mistake(
        SETUP, f"setup: {{keyterms: [{', '.join(['x'] * 101)}]}}", 3, "holds 101 terms: want 100"
    ),
    "noise": Mistake(SETUP, "setup: {channel: {noise: {kind: pink}}}", 3, "'snr_db' is missing"),
    "noise file": Mistake(
        SETUP, "setup: {channel: {noise: {file: x.wav, snr_db: 3}}}", 3, "which is not there"
    ),
    "bursts": Mistake(
        SETUP, "setup: {channel: {loss: {rate: 0.1, burst_ms: 80}}}", 3, "random loss has no bursts"
    ),
    # providers
    "provider": Mistake(
        SETUP, "setup: {stt: deepgran}", 3, "did you mean 'deepgram'?", "embedded, deepgram"
    ),
    "profile": Mistake(SETUP, "setup: {llm: sim:gpt-9.1}", 3, "no llm 'sim:gpt-9.1', did you"),
    "role": Mistake(SETUP, "setup: {stt: sim:gpt-4.1}", 3, "there is no stt 'sim:gpt-4.1'"),
    "both names": Mistake(
        SETUP, "setup: {stt: embedded, transcriberProvider: deepgram}", 3, "the same as stt"
    ),
    "both places": Mistake(
        SETUP, "setup: {stt: embedded}\nproviders: {list: [{}]}", 4, "setup names stt already"
    ),
    "exclude": Mistake(
        SETUP,
        "providers: {matrix: {llm: [sim:gpt-4.1]}, exclude: [{llm: openai}]}",
        3,
        "excludes nothing",
    ),
    "same stack": Mistake(SETUP, "providers: {list: [{}, {}]}", 3, "comes up twice"),
    "override": Mistake(SETUP, "profiles: {sim:gpt-4.1: {ttft: 3}}", 3, "ttft"),
    "override of nobody": Mistake(
        SETUP, "profiles: {sim:gpt-4o: {ttfat_ms: 3}}", 3, "no stack plays with it", "sim:gpt-4.1"
    ),
    # faults
    "fault's stage": Mistake(FAULT, FAULT.replace("tts", "ttx"), 9, "did you mean 'tts'?"),
    "fault's kind": Mistake(FAULT, FAULT.replace("disconnect", "explode"), 9, "is 'explode'"),
    "fault elsewhere": Mistake(FAULT, FAULT.replace("disconnect", "no_final"), 9, "no_final"),
    "fault's point": Mistake(FAULT, FAULT.replace("turn", "after_tokens"), 9, "a point of llm"),
    "fault's step": Mistake(FAULT, FAULT.replace("turn: 1", "utterance: akk"), 9, "mean 'ask'?"),
    # steps
    "step twice": Mistake("id: cut", "id: ask", 7, "a second step with the id 'ask', first in"),
    "say and play": Mistake("silence: 5", "silence: 5, say: x", 8, "says say and silence"),
    "nothing to do": Mistake("silence: 5, ", "", 8, "says none of its keys"),
    "a tool that is none": Mistake(
        REPLY,
        "{tools: [{name: hours, result: x}], replies: [{match: a, say: b, tool: hour}]}",
        4,
        "bot.replies[0].tool: there is no tool 'hour', did you mean 'hours'?",
        "hours",
    ),
    "a tool where there are none": Mistake(
        REPLY, "{replies: [{match: a, say: b, tool: hour}]}", 4, "no tool 'hour'", "there are none"
    ),
    "a tool twice": Mistake(
        REPLY,
        "{tools: [{name: hours, result: x}, {name: hours, result: y}]}",
        4,
        "bot.tools[1]: the tool 'hours' comes up twice",
    ),
    "a tool's name": Mistake(
        REPLY, "{tools: [{name: my hours, result: x}]}", 4, "is 'my hours'", "as in find_tables"
    ),
    "a tool without a result": Mistake(
        REPLY, "{tools: [{name: hours}]}", 4, "the key 'result' is missing"
    ),
    "a tool for ever": Mistake(
        REPLY,
        "{tools: [{name: hours, result: x, takes_ms: 900000}]}",
        4,
        "bot.tools[0].takes_ms: is 900000",
        "a number, 0 to 600000 ms",
    ),
    "arguments of no tool": Mistake(
        REPLY, "{replies: [{match: a, say: b, arguments: {c: 1}}]}", 4, "none is called", "tool"
    ),
    "a result of no tool": Mistake(
        REPLY, '{replies: [{match: a, say: "It is {result}."}]}', 4, "none is called", "tool"
    ),
    "arguments that JSON has not": Mistake(
        REPLY,
        "{tools: [{name: h, result: x}], replies: [{match: a, say: b, tool: h, "
        "arguments: {c: {d: 1}}}]}",
        4,
        "bot.replies[0].arguments.c: is a mapping",
        "a text, a number",
    ),
    "no anchor": Mistake(", at: {bot_ends: 0}", "", 8, "the key 'at' is missing"),
    "role of silence": Mistake("silence: 5", "silence: 5, as: noise", 8, "goes with say and play"),
    "silence as role": Mistake("as: interrupt", "as: silence", 7, "is 'silence'", "turn, inter"),
    "text of speech": Mistake("silence: 5", "silence: 5, text: x", 8, "goes with play"),
    "missing sound": Mistake(
        "silence: 5", "play: x.wav, as: noise", 8, "is 'x.wav', which is not there"
    ),
    "words unknown": Mistake("silence: 5", "play: x.wav", 8, "a turn whose words nobody knows"),
    "pause": Mistake("Only Sunday", "Only <pause 2> Sunday", 7, "a pause that cannot be read"),
    "pause first": Mistake("Only Sunday", "<pause 2s> Sunday", 7, "no words around a pause"),
    "signs": Mistake('"Only Sunday."', '"..."', 7, "holds nothing to say"),
    "policy": Mistake("silence: 5", "silence: 5, within: {if_missed: skipp}", 8, "mean 'skip'?"),
    # anchors
    "unknown anchor": Mistake("bot_word: 4", "bot_words: 4", 7, "did you mean 'bot_word'?"),
    "two anchors": Mistake("bot_word: 4", "bot_word: 4, time: 3", 7, "says time and bot_word"),
    "plus alone": Mistake("bot_word: 4", "plus: 4", 7, "says none of its keys"),
    "plus and delay": Mistake("bot_ends: 0", "bot_ends: 0, plus: 1", 8, "the number is the delay"),
    "negative time": Mistake("time: 0.5", "time: -0.5", 6, "is -0.5", "0 to 60 s, within max_s"),
    "late time": Mistake("time: 0.5", "time: 61", 6, "is 61", "within max_s"),
    "before the bot": Mistake("bot_ends: 0", "bot_ends: -1", 8, "nobody knows", "AgentRequested"),
    "word 0": Mistake("bot_word: 4", "bot_word: 0", 7, "is 0", "a whole number, 1"),
    "bot's word": Mistake("bot_word: 4", "bot_word: 12", 7, "longest answer has 7 words", "1 to 7"),
    "unknown step": Mistake("bot_ends: 0", "after: cutt", 8, "no step 'cutt', did you mean 'cut'?"),
    "later step": Mistake("bot_word: 4", "after: idle", 7, "'idle' is a later step", "ask"),
    "itself": Mistake("bot_word: 4", "after: cut", 7, "'cut' is itself"),
    "user's word": Mistake("bot_ends: 0", "user_word: [ask, 5]", 8, "has 4 words, not 5", "1 to 4"),
    "user's form": Mistake("bot_ends: 0", "user_word: ask", 8, "is 'ask'", "[step, number"),
    "event": Mistake("bot_ends: 0", "event: FirstTokn", 8, "did you mean 'FirstToken'?"),
    # expectations
    "step expected": Mistake("steps: {cut", "steps: {cud", 11, "no step 'cud', did you mean 'cut'"),
    "metric": Mistake("stop_ms", "stop", 11, "did you mean 'stop_ms'?", "v2v_ms"),
    "metric elsewhere": Mistake("underruns", "stop_after", 12, "unknown key"),
    "operand": Mistake("{max: 400}", "400", 11, "is 400", "{max: number}, {min: number}"),
    "limit": Mistake("{max: 400}", "{maxi: 400}", 11, "did you mean 'max'?"),
    "no limit": Mistake("{max: 400}", "{}", 11, "has no limit", "max, min"),
    "limits crossed": Mistake("{max: 400}", "{max: 4, min: 5}", 11, "min 5 is above max 4"),
    "qualifier": Mistake(CUT, "{heard_tolerance_words: 1}", 11, "says more about heard"),
    "expression": Mistake(CUT, "{reply: {regex: '('}}", 11, "is no regular expression"),
    "fact": Mistake(RUN, "{events: {absent: [Explosion]}}", 12, "is 'Explosion'", "CutOff"),
    "window": Mistake(CUT, "{bot_says: {contains: x}, between_s: [9, 8]}", 11, "9 is above 8"),
    "statistic": Mistake(RUN, "{v2v_ms: {p49: {max: 3}}}", 12, "did you mean 'p99'?"),
    "gate's metric": Mistake("v2v_ms: {stat", "v2w_ms: {stat", 13, "did you mean 'v2v_ms'?"),
    "gate's margin": Mistake("5%", "5 percent", 13, "is '5 percent'", "5%, 30ms, 2pp"),
    "gate's names": Mistake("v2v_ms: {stat", "v2v_ms@p95: {stat", 13, "the name says p95"),
    # YAML
    "tab": Mistake("  - {id: cut", "\t- {id: cut", 7, "a tab in the indentation", "spaces"),
    "brackets": Mistake(IDLE, "{id: idle", 9, "this is not YAML"),
    "tag": Mistake("seed: 1", "seed: !!python/object:os.system 1", 3, "the tag", "without tags"),
    "alias": Mistake("seed: 1", "seed: *nobody", 3, "the alias *nobody names nothing"),
    "documents": Mistake(SETUP, "---\na: 1", 3, "a second document begins"),
    "depth": Mistake("seed: 1", "seed: " + "[" * 40 + "]" * 40, 3, "nested too deep"),
    "key": Mistake(SETUP, "? [a]\n: 1", 3, "a key is a list or a mapping"),
    "constant key": Mistake(SETUP, "true: 1", 3, "true as a key"),
}  # fmt: skip


def wrong(folder: Path, content: str | bytes, name: str = "bad.yaml") -> ScenarioError:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ScenarioError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    return caught.value


def test_the_file_without_a_mistake_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    assert read(tmp_path / "good.yaml").id == "good"


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place(tmp_path: Path, mistake: Mistake) -> None:
    assert mistake.old in GOOD
    error = wrong(tmp_path, GOOD.replace(mistake.old, mistake.new, 1))
    assert mistake.says in str(error)
    assert mistake.allows in error.allowed
    assert error.line == mistake.line
    assert isinstance(error, ConfigError)
    assert len(str(error)) < 3000


def test_a_message_names_file_line_key_and_what_is_allowed(tmp_path: Path) -> None:
    error = wrong(tmp_path, GOOD.replace("clock: virtual", "").replace(SETUP, "setup: {clock: x}"))
    file = tmp_path / "bad.yaml"
    assert str(error) == f"{file}:3: setup.clock: is 'x'; allowed: virtual, wall"


def test_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    error = wrong(tmp_path, b"{" * 10_000_000)
    assert "10,000,000 bytes are too many" in str(error)
    assert f"{LARGEST_BYTES:,}" in error.allowed


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x00\x01\x02RIFF", "binary data"),
        (b"scenario: 1\nid: caf\xe9\n", "not text in UTF-8"),
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"just words", "is 'just words'"),
        (b"[" * 200_000, "nested too deep"),
        (b"a: " * 50_000, "not YAML"),
        (b"- &a a\n" * 30_000, "too many values"),
        (b"key: \x07\n", "not YAML"),
    ],
)
def test_junk_has_one_message(tmp_path: Path, content: bytes, says: str) -> None:
    assert says in str(wrong(tmp_path, content))


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 10)]
    assert "too many values, aliases counted" in str(wrong(tmp_path, "\n".join(lines)))


def test_files_that_include_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("include: c.yaml\n")
    (tmp_path / "c.yaml").write_text("include: [bad.yaml]\n")
    (tmp_path / "bad.yaml").write_text(GOOD + "include: b.yaml\n")
    with pytest.raises(ScenarioError, match=r"bad.yaml → b.yaml → c.yaml → bad.yaml") as caught:
        read(tmp_path / "bad.yaml")
    assert caught.value.file == tmp_path / "c.yaml"


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    assert "includes itself" in str(wrong(tmp_path, GOOD + "include: bad.yaml\n"))


def test_an_included_file_must_be_there(tmp_path: Path) -> None:
    error = wrong(tmp_path, GOOD + "include: gone.yaml\n")
    assert "is 'gone.yaml', which is not there" in str(error)
    assert error.line == 14


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no such file"):
        read(tmp_path / "gone.yaml")
    with pytest.raises(ScenarioError, match="this is no file"):
        read(tmp_path)
    with pytest.raises(ScenarioError, match="no scenario in this folder"):
        read_all([tmp_path])
