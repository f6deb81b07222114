"""Talk in, talk out, and the truth about both.

Talkbench is a streaming voice pipeline, and three ways to drive it: a person in the browser, a
notebook, a test run. The core is the same in all three; only what feeds it sound, and which
clock it lives on, differs.

    Audio In ─▶ Transcriber ─▶ Agent ─▶ Synthesizer ─▶ Audio Out      (queues between workers)

How to read it, from the bottom:

- `audio`, `clock` (with `network`), `errors`: samples; the one door to time, and the network inside
  its virtual loop; what can go wrong and what to do.
- `events`, `trace`, `config`: the facts of a conversation, the list of them, the settings.
- `engine`: the workers, the three seams, whose turn it is, and the playout ledger: what the bot
  "said" is what the loudspeaker played. Standard library only.
- `metrics`: a trace in, numbers out.
- `speech`, `simulation`: the offline engines in processes of their own; seeded stand-ins.
- `providers`, `emulators`: each vendor's protocol spoken from either end, written independently.
- `assembly`: settings in, a conversation out. `testing`: the same for somebody's tests.
- `replay`, `report`, `app`, `cli`: scenarios, charts, the page and its socket, the command.

Each layer imports from those above it in this list, never from those below. The public names are
here too (`from bench import StreamingConversation`), found on first use: importing `bench` costs
nothing, importing a part costs that part.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

logging.getLogger(__name__).addHandler(logging.NullHandler())  # it is the program's to listen

if TYPE_CHECKING:
    from bench.app.output import WebsocketOutputDevice
    from bench.audio import AudioEncoding
    from bench.engine.agent import (
        AgentResponse,
        BaseAgent,
        GeneratedResponse,
        TranscriptionAgentInput,
    )
    from bench.engine.conversation import StreamingConversation
    from bench.engine.output import OutputDevice
    from bench.engine.synthesizer import (
        BaseMessage,
        BaseSynthesizer,
        ChunkResult,
        SynthesisResult,
    )
    from bench.engine.transcriber import BaseTranscriber, Transcription
    from bench.engine.transcript import Message, Sender, Transcript
    from bench.engine.worker import BaseWorker, InterruptibleEvent
    from bench.providers.handler import VoiceHandler

__all__ = [
    "AgentResponse",
    "AudioEncoding",
    "BaseAgent",
    "BaseMessage",
    "BaseSynthesizer",
    "BaseTranscriber",
    "BaseWorker",
    "ChunkResult",
    "GeneratedResponse",
    "InterruptibleEvent",
    "Message",
    "OutputDevice",
    "Sender",
    "StreamingConversation",
    "SynthesisResult",
    "Transcript",
    "Transcription",
    "TranscriptionAgentInput",
    "VoiceHandler",
    "WebsocketOutputDevice",
]

_HOMES = {
    "bench.app.output": ("WebsocketOutputDevice",),
    "bench.audio": ("AudioEncoding",),
    "bench.engine.agent": (
        "AgentResponse",
        "BaseAgent",
        "GeneratedResponse",
        "TranscriptionAgentInput",
    ),
    "bench.engine.conversation": ("StreamingConversation",),
    "bench.engine.output": ("OutputDevice",),
    "bench.engine.synthesizer": (
        "BaseMessage",
        "BaseSynthesizer",
        "ChunkResult",
        "SynthesisResult",
    ),
    "bench.engine.transcriber": ("BaseTranscriber", "Transcription"),
    "bench.engine.transcript": ("Message", "Sender", "Transcript"),
    "bench.engine.worker": ("BaseWorker", "InterruptibleEvent"),
    "bench.providers.handler": ("VoiceHandler",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
