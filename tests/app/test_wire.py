"""Text in, messages out: what is said and how it is checked, against the schemas in docs/."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bench.app import messages
from bench.app.messages import DOWN, UP
from bench.app.wire import Malformed, decode, encode
from bench.metrics.turns import Stages, Turn, flat

pytestmark = pytest.mark.unit

DOCS = Path(__file__).parents[2] / "docs" / "socket"


def schema(direction: str, name: str) -> dict[str, Any]:
    return json.loads((DOCS / direction / f"{name}.schema.json").read_text("utf-8"))


@pytest.mark.parametrize(("direction", "kinds"), [("up", UP), ("down", DOWN)])
def test_every_message_has_a_schema_and_every_schema_a_message(
    direction: str, kinds: dict[str, type]
) -> None:
    assert {path.name.partition(".")[0] for path in (DOCS / direction).iterdir()} == set(kinds)


@pytest.mark.parametrize("name", UP)
def test_a_message_up_has_the_fields_of_its_schema(name: str) -> None:
    fields = set(schema("up", name)["properties"]) - {"type"}
    own = set(UP[name].__dataclass_fields__) - {"settings"}
    assert own <= fields
    assert fields - own <= {"transcriberProvider", "llmProvider", "voiceProvider"}


def test_figures_of_a_turn_have_the_names_of_the_schema() -> None:
    figures = flat(Turn(1, 0.0, "silence", "Hello", Stages()))
    assert {"type", "turn", *figures} == set(schema("down", "metrics")["properties"])
    told = json.loads(encode(messages.Metrics(1, figures)))
    Draft202012Validator(schema("down", "metrics")).validate(told)


@pytest.mark.parametrize("name", [*UP, *DOWN])
def test_schemas_are_schemas_and_explained(name: str) -> None:
    found = schema("up" if name in UP else "down", name)
    Draft202012Validator.check_schema(found)
    assert f"`{name}" in (DOCS.parent / "socket.md").read_text("utf-8") or name == "ready"


def test_what_is_said_is_taken() -> None:
    said = {"type": "played", "utterance": 3, "samples": 160, "surprise": [1]}
    assert decode(json.dumps(said)) == messages.Played(3, 160)
    start = decode('{"type":"start","sample_rate":8000,"stt":"embedded","vad_threshold":0.5}')
    assert start == messages.Start(
        sample_rate=8000, settings={"stt": "embedded", "vad_threshold": 0.5}
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ("[]", "malformed"),
        ("null", "malformed"),
        ("[" * 30_000, "malformed"),
        ("9" * 60_000, "malformed"),
        ('{"type": "played", "utterance": 1, "samples": NaN}', "malformed"),
        ('{"type": "say", "text": "\\ud800"}', "malformed"),
        ("{}", "unknown_type"),
        ('{"type": "dance"}', "unknown_type"),
        ('{"type": {"a": 1}}', "unknown_type"),
        ('{"type": 1e999}', "unknown_type"),
        (f'{{"type": {"9" * 4000}}}', "unknown_type"),
        ('{"type": "played", "utterance": 1}', "bad_field"),
        ('{"type": "played", "utterance": 1, "samples": -1}', "bad_field"),
        ('{"type": "played", "utterance": 1, "samples": 1.5}', "bad_field"),
        ('{"type": "played", "utterance": true, "samples": 1}', "bad_field"),
        (f'{{"type": "played", "utterance": 1, "samples": {10**30}}}', "bad_field"),
        (
            '{"type":"played","utterance":1,"samples":1,"output_latency_seconds":1e999}',
            "bad_field",
        ),
        ('{"type": "mute", "on": "yes"}', "bad_field"),
        ('{"type": "say", "text": null}', "bad_field"),
        (json.dumps({"type": "say", "text": "a" * 5000}), "bad_field"),
        ('{"type": "start", "sample_rate": 7999}', "bad_field"),
        ('{"type": "start", "sample_rate": 48001}', "bad_field"),
        ('{"type": "start", "framing": "opus"}', "bad_field"),
        ('{"type": "start", "session": "me"}', "bad_field"),
        ('{"type": "start", "settings": {}}', "bad_field"),
    ],
)
def test_what_cannot_be_is_refused(text: str, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode(text)
    assert refused.value.code == code
    assert len(str(refused.value)) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ["session", "token", "sample_rate", "framing", "utterance", "samples", "text", "on"]


@given(
    st.text()
    | st.fixed_dictionaries(
        {"type": st.sampled_from([*UP, "?"])}, optional=dict.fromkeys(FIELDS, JSON)
    ).map(json.dumps)
)
def test_whatever_is_said_is_a_message_or_refused(text: str) -> None:
    try:
        decode(text)
    except Malformed as refused:
        encode(messages.Error(refused.code, str(refused)))
