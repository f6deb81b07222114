"""What can happen in a conversation: frozen facts, the vocabulary of the trace.

A fact says what happened and in which turn; when it happened is the trace's business. A new kind of
fact is a new class. Positions are samples (`…_sample`, `samples`), durations seconds (`…_seconds`).
"""

from __future__ import annotations

from bench.events.answer import (
    AgentFinished,
    AgentRequested,
    FirstAudible,
    FirstAudio,
    FirstToken,
    JoinMeasured,
    SentenceReady,
    SynthesisContinued,
    SynthesisFinished,
    SynthesisRequested,
    ToolCalled,
    ToolReturned,
)
from bench.events.course import (
    ConversationEnded,
    ConversationStarted,
    FellBack,
    ProviderFailed,
    Retried,
    SettingsChanged,
    WorkerFailed,
)
from bench.events.facts import Fact, Word
from bench.events.output import (
    CutOff,
    Held,
    InterruptDecided,
    PlaybackFinished,
    PlaybackStarted,
    Resumed,
    Silenced,
    Underrun,
)
from bench.events.user import (
    AudioDropped,
    TranscriptIgnored,
    TranscriptReceived,
    TurnCommitted,
    TurnWithdrawn,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)

__all__ = [
    "AgentFinished",
    "AgentRequested",
    "AudioDropped",
    "ConversationEnded",
    "ConversationStarted",
    "CutOff",
    "Fact",
    "FellBack",
    "FirstAudible",
    "FirstAudio",
    "FirstToken",
    "Held",
    "InterruptDecided",
    "JoinMeasured",
    "PlaybackFinished",
    "PlaybackStarted",
    "ProviderFailed",
    "Resumed",
    "Retried",
    "SentenceReady",
    "SettingsChanged",
    "Silenced",
    "SynthesisContinued",
    "SynthesisFinished",
    "SynthesisRequested",
    "ToolCalled",
    "ToolReturned",
    "TranscriptIgnored",
    "TranscriptReceived",
    "TurnCommitted",
    "TurnWithdrawn",
    "Underrun",
    "UserStartedSpeaking",
    "UserStoppedSpeaking",
    "Word",
    "WorkerFailed",
]
