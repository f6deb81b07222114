"""The bot's own voice leaks into the microphone, and nobody is interrupted by it.

Real speech (espeak-ng), real voice activity (Silero), and a recogniser that is worse than real: it
writes the bot's words down without a mistake.
"""

from array import array

import pytest

from bench import clock
from bench.audio import to_pcm, to_samples
from bench.engine.conversation import StreamingConversation
from bench.engine.vad import SpeechStarted, VoiceActivityDetector
from bench.events import CutOff, Held, InterruptDecided, Resumed, TurnCommitted
from bench.providers.embedded import EmbeddedSynthesizer, close_engines
from bench.simulation.loudspeaker import Loudspeaker
from bench.speech.silero import SileroStream
from bench.testing import ScriptedAgent, ScriptedTranscriber

pytestmark = pytest.mark.unit

STORY = (
    "We are open from nine in the morning until ten at night, from Tuesday to Saturday. On Sunday "
    "we are open from ten until four, and on Monday we are closed."
)
FRAME = 640
SECONDS = 14.0


@pytest.fixture(autouse=True)
def _engines_end():
    yield
    close_engines()


class Room(Loudspeaker):
    """A loudspeaker whose sound comes back into the microphone, `leak_db` louder (so: below 0)."""

    def __init__(self, leak_db: float) -> None:
        super().__init__()
        self.gain = 10 ** (leak_db / 20)
        self.pieces = 0

    def echo(self) -> bytes:
        """What the microphone hears of what sounded since it last listened."""
        self._advance()
        heard = b"".join(pcm for _, pcm in self.recording[self.pieces :])
        self.pieces = len(self.recording)
        samples = to_samples(heard)
        faint = array("h", (round(sample * self.gain) for sample in samples))
        return to_pcm(faint).rjust(FRAME, b"\0")[-FRAME:]


class Parrot(ScriptedTranscriber):
    """Writes down, without a mistake, the bot's words that it hears."""

    conversation: StreamingConversation

    def __init__(self) -> None:
        super().__init__()
        self._vad = VoiceActivityDetector(SileroStream().probability)
        self._before = 0

    async def process(self, item: bytes) -> None:
        said = self.conversation.transcript.event_logs
        words = said[-1].text.split() if said else []
        for edge in self._vad.feed(item):
            if isinstance(edge, SpeechStarted):
                self._before = max(0, len(words) - 1)
            elif words[self._before :]:
                self.hear(" ".join(words[self._before :]), ends_turn=None)


async def listen(leak_db: float, stop_at: float | None = None) -> StreamingConversation:
    room, parrot = Room(leak_db), Parrot()
    conversation = parrot.conversation = StreamingConversation(
        output_device=room,
        transcriber=parrot,
        agent=ScriptedAgent([STORY, "All right."]),
        synthesizer=EmbeddedSynthesizer(),
        vad=SileroStream().probability,
        idle_seconds=None,
    )
    await conversation.start()
    parrot.hear("When are you open?")
    while clock.now() < SECONDS:
        conversation.receive_audio(room.echo())
        await clock.sleep(0.02)
        if stop_at is not None and clock.now() >= stop_at:
            parrot.hear("stop", ends_turn=None)
            stop_at = None
    await conversation.terminate(0)
    return conversation


@pytest.mark.parametrize("leak_db", [-20.0, -35.0])
def test_the_bots_own_voice_does_not_interrupt_it(leak_db: float):
    conversation = clock.run(listen(leak_db), virtual=True)
    trace = conversation.trace
    assert not trace.of(InterruptDecided)
    assert not trace.of(CutOff)
    assert len(trace.of(TurnCommitted)) == 1
    assert len(trace.of(Resumed)) == len(trace.of(Held)) <= 2
    assert conversation.transcript.event_logs[-1].text == STORY


@pytest.mark.parametrize("leak_db", [-20.0, -35.0])
def test_a_stop_through_the_echo_still_stops_it(leak_db: float):
    conversation = clock.run(listen(leak_db, stop_at=6.0), virtual=True)
    (decided,) = conversation.trace.of(InterruptDecided)
    assert decided.reason == "stop word"
    (cut,) = conversation.trace.of(CutOff)
    assert STORY.startswith(cut.heard)
    assert conversation.transcript.event_logs[-1].text == "All right."
