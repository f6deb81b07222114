"""What pickers show first of a vendor is what its adapter takes unless told."""

import importlib
from typing import Any

import pytest

from bench.providers.handler import PROVIDERS, Provider, installed
from bench.providers.known import BACKENDS
from bench.settings import Secret

pytestmark = pytest.mark.unit

OFFERING = [row for row in (*PROVIDERS, *BACKENDS.values()) if row.models or row.voices]
PLAIN = {"google_speech_url": "http://127.0.0.1:1", "google_voice_url": "http://127.0.0.1:1"}


def label(row: Provider) -> str:
    return f"{row.key} {row.role}{' legacy' if row.legacy else ''}"


@pytest.mark.parametrize("row", OFFERING, ids=label)
def test_the_first_is_the_usual_one(row: Provider):
    if not installed(row.package):
        pytest.skip(f"{row.package} is not installed (the extra {row.extra})")
    module, _, name = row.adapter.partition(":")
    keys = {variable: Secret("x") for variable in row.variables}
    made: Any = getattr(importlib.import_module(module), name)({"keys": keys, **PLAIN})
    if row.models:
        assert (getattr(made, "model", "") or made.engine) == row.models[0]
    if row.voices:
        assert made.voice == row.voices[0].id


def test_nothing_is_offered_twice():
    for row in OFFERING:
        assert len(set(row.models)) == len(row.models)
        assert len({voice.id for voice in row.voices}) == len(row.voices)
