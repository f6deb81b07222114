"""A cassette on a disk: no key stands in it, and one that cannot be used says what to do."""

from pathlib import Path

import pytest

from bench.emulators import deepgram, elevenlabs, openai
from bench.errors import ConfigError
from bench.providers.cassette import EVENTS, SPEECH, Answered, Cassette, Part, Spoke
from bench.providers.handler import VoiceHandler
from bench.settings import Secret
from bench.simulation.context import Reply
from tests.contracts.taped import again, original

pytestmark = pytest.mark.contract

KEY = "sk-a-key-of-24-characters"
TELLTALE = (Reply("*", f"The key is {openai.KEY}."),)
TAPE = Cassette(
    {"agent": Part("agent", "openai"), "synthesizer": Part("synthesizer", "a-voice", rate=16_000)},
    [Answered("1", "Hello?"), Spoke("Hello.", 640, chunks=[(0.1, 4, 1)], words=[("Hello.", 2)])],
    bytearray(b"1234"),
)


@pytest.mark.parametrize("mode", ["streaming", "tokens"])
def test_no_key_stands_in_it_even_if_a_provider_says_one(tmp_path: Path, mode: str):
    options = {"transport": "socket", "response_mode": mode}
    then = original(tmp_path, replies=TELLTALE, **options)
    text = (tmp_path / EVENTS).read_text()
    for key in (deepgram.KEY, openai.KEY, elevenlabs.KEY):
        assert key not in text
    assert any(openai.KEY in line for line in then.lines)
    pieces = [one.pieces for one in Cassette.read(tmp_path).of(Answered)]
    assert "".join(told["text"] for _, told in pieces[0]) == "The key is ***."
    now = again(tmp_path, response_mode=mode)
    assert now.failed == then.failed == []


def test_a_key_that_can_be_read_all_the_same_is_not_written(tmp_path: Path):
    told = {"text": "Yes.", "usage": {KEY: 1}}
    in_a_name = Cassette(events=[Answered("x", "", [(0.1, told)])], secrets=(Secret(KEY),))
    in_sound = Cassette(speech=bytearray(f'{{"error": "{KEY}"}} '.encode()), secrets=(Secret(KEY),))
    for tape, file in ((in_a_name, EVENTS), (in_sound, SPEECH)):
        with pytest.raises(ConfigError, match=f"one of your keys could be read in its {file}"):
            tape.write(tmp_path / "tape")
        assert not (tmp_path / "tape").exists()


def test_a_key_of_odd_signs_leaves_a_cassette_that_can_be_read(tmp_path: Path):
    key = '"},{"\\n\u2028'
    Cassette(events=[Answered("x", f"my key is {key}!\u2028")], secrets=(Secret(key),)).write(
        tmp_path
    )
    assert Cassette.read(tmp_path).of(Answered)[0].human_input == "my key is ***!\u2028"


def test_what_is_written_is_read(tmp_path: Path):
    TAPE.write(tmp_path)
    tape = Cassette.read(tmp_path)
    assert (tape.parts, tape.speech) == (TAPE.parts, TAPE.speech)
    assert [type(event) for event in tape.events] == [Answered, Spoke]


@pytest.mark.parametrize(
    ("file", "change", "why"),
    [
        (EVENTS, None, "there is no cassette at .*: `talkbench record` makes one"),
        (EVENTS, lambda text: b"", "damaged cassette: line 1 of events.jsonl makes no sense"),
        (EVENTS, lambda text: b"[]", "is not that of a cassette: `talkbench record` makes one"),
        (EVENTS, lambda text: text.replace(b'"cassette": 2', b'"cassette": 1'), "version 1, which"),
        (
            EVENTS,
            lambda text: text.replace(b'"cassette": 2', b'"cassette": 3'),
            "a newer Talkbench",
        ),
        (EVENTS, lambda text: text[:-20], "line 3 of events.jsonl makes no sense"),
        (EVENTS, lambda text: text.replace(b"Spoke", b"Sang"), "line 3 of .* \\(KeyError\\)"),
        (EVENTS, lambda text: text[: text.index(b'{"Spoke')], "events.jsonl has 1 events of 2"),
        (SPEECH, None, "speech.pcm: No such file or directory. Copy it again, or record it anew"),
        (SPEECH, lambda pcm: pcm[:2], "speech.pcm has 2 bytes of 4"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(tmp_path: Path, file: str, change, why: str):
    TAPE.write(tmp_path)
    if change is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(change((tmp_path / file).read_bytes()))
    with pytest.raises(ConfigError, match=why):
        VoiceHandler({}).create_agent({"llm": f"recorded:{tmp_path}"})


def test_who_is_not_on_it(tmp_path: Path):
    TAPE.write(tmp_path)
    with pytest.raises(
        ConfigError, match="nobody was recorded as transcriber; there are agent, syn"
    ):
        VoiceHandler({}).create_transcriber({"stt": f"recorded:{tmp_path}"})


def test_one_that_is_recorded_anew_is_read_anew(tmp_path: Path):
    TAPE.write(tmp_path)
    config = {"llm": f"recorded:{tmp_path}"}
    assert VoiceHandler({}).create_agent(config).provider == "openai"
    Cassette({"agent": Part("agent", "anthropic")}).write(tmp_path)
    assert VoiceHandler({}).create_agent(config).provider == "anthropic"


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file cannot be written: File exists"):
        TAPE.write(tmp_path / "file")
