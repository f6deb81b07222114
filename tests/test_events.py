"""The vocabulary: frozen, complete and in words that stay."""

import dataclasses
import inspect

import pytest

from bench import events, truths
from bench.events import Fact
from bench.trace import KINDS

pytestmark = pytest.mark.unit

# Class → its own fields, as the table of the trace has them.
TABLE = {
    "UserStartedSpeaking": "source at_sample",
    "UserStoppedSpeaking": "source at_sample",
    "TranscriptReceived": "text final confidence words provider",
    "TurnCommitted": "text reason",
    "TurnWithdrawn": "text reason",
    "AgentRequested": "provider model",
    "FirstToken": "provider",
    "AgentFinished": "provider tokens usage",
    "SynthesisRequested": "provider voice characters",
    "SynthesisContinued": "provider characters",
    "SynthesisFinished": "samples",
    "PlaybackStarted": "utterance estimated",
    "PlaybackFinished": "utterance samples estimated",
    "Underrun": "utterance estimated",
    "Held": "reason policy at_sample",
    "Resumed": "reason policy at_sample",
    "InterruptDecided": "reason policy at_sample",
    "Silenced": "reason policy at_sample",
    "CutOff": "heard intended context played dropped estimated",
    "ToolCalled": "name",
    "ToolReturned": "name",
    "AudioDropped": "samples",
    "Retried": "provider kind after_seconds",
    "FellBack": "provider kind after_seconds",
    "ProviderFailed": "provider kind after_seconds",
    "WorkerFailed": "provider kind after_seconds",
    "ConversationStarted": "settings",
    "ConversationEnded": "reason",
    "SentenceReady": "",
    "FirstAudio": "",
    "FirstAudible": "",
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_fact_is_frozen_slotted_explained_and_knows_its_turn(kind: str):
    fact = KINDS[kind]
    assert fact.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(fact)
    assert inspect.getdoc(fact)
    assert "turn" in {field.name for field in dataclasses.fields(fact)}


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_the_facts_of_the_table_are_there_with_their_fields(kind: str):
    names = {field.name for field in dataclasses.fields(KINDS[kind])}
    assert set(TABLE[kind].split()) <= names


def test_every_fact_class_of_the_module_is_a_kind():
    classes = {
        name
        for name, item in (vars(events) | vars(truths)).items()
        if isinstance(item, type) and issubclass(item, Fact) and item is not Fact
    }
    assert classes == set(KINDS)
