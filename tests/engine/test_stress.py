"""Two thousand conversations with interrupts at random samples, and what must hold in every one."""

import asyncio
import random

import pytest

from bench import clock
from bench.engine.conversation import StreamingConversation
from bench.engine.output import Utterance
from bench.engine.words import words_of
from bench.engine.worker import spawn
from bench.errors import BrokenStream
from bench.events import CutOff, Held, InterruptDecided, Resumed, TurnCommitted, WorkerFailed
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from tests.engine.trouble import fail, stall
from tests.engine.writing_voice import WritingVoice

pytestmark = pytest.mark.unit

CONVERSATIONS = 2_000
AT_ONCE = 100
LINES = (
    "We are open from nine to five. On Sundays we are closed. Shall I book a table for you?",
    "Certainly.",
    "The soup is made of pumpkins, and the pumpkins come from next door. It is very good soup.",
    "One moment please, I will look it up for you, it will not take long at all.",
)
USER = ("stop", "wait", "tell me more", "mm hm", "okay", "what about sunday", "yeah", "no")
POLICIES = ("hold-then-decide", "hold-then-decide", "on-words(1)", "on-words(2)", "on-vad", "never")
FRAME_SECONDS = 0.1
QUIET, LOUD = bytes(3200), b"\x01" * 3200


def is_loud(window: bytes) -> float:
    return float(window[0])


class WatchedLoudspeaker(Loudspeaker):
    """Keeps every utterance, and notices audio that comes after its `clear`."""

    def __init__(self, **options: float | bool) -> None:
        super().__init__(**options)
        self.utterances: list[Utterance] = []
        self.sounded: dict[int, int] = {}  # samples by utterance, by its own count
        self.after_clear = 0
        self._silent = True

    def begin(self, utterance: Utterance) -> None:
        super().begin(utterance)
        self.utterances.append(utterance)
        self._silent, self._id = False, utterance.id

    def _advance(self) -> None:
        before = self._taken
        super()._advance()
        if self.utterances:
            self.sounded[self._id] = self.sounded.get(self._id, 0) + self._taken - before

    def consume_nonblocking(self, chunk: bytes) -> None:
        self.after_clear += self._silent
        super().consume_nonblocking(chunk)

    def clear(self) -> None:
        self._silent = True
        super().clear()


def make(draw: random.Random) -> tuple[StreamingConversation, ScriptedTranscriber]:
    transcriber = ScriptedTranscriber()
    device = WatchedLoudspeaker(
        reports=draw.random() < 0.7,
        prebuffer_seconds=draw.choice((0.0, 0.05)),
        report_delay_seconds=draw.choice((0.0, 0.03, 0.2)),
    )
    conversation = StreamingConversation(
        output_device=device,
        transcriber=transcriber,
        agent=ScriptedAgent(
            draw.sample(LINES, 4),
            think_seconds=draw.choice((0.0, 0.2, 0.5)),
            word_seconds=draw.choice((0.0, 0.03)),
        ),
        synthesizer=ToneSynthesizer(
            seconds_per_word=draw.choice((None, 0.1, 0.25)),
            first_seconds=draw.choice((0.0, 0.1)),
            real_time_factor=draw.choice((0.0, 0.3, 1.2)),
            word_times=draw.random() < 0.8,
        ),
        vad=is_loud,
        barge_in=draw.choice(POLICIES),
        response_mode=draw.choice(("streaming", "streaming", "buffered")),
        echo=draw.choice(("browser-aec", "browser-aec", "mute")),
        greeting=draw.choice((None, "Hello, how can I help you today?")),
        greeting_interruptible=draw.random() < 0.5,
        idle_seconds=draw.choice((None, 2.0)),
    )
    return conversation, transcriber


def token_by_token(conversation: StreamingConversation, draw: random.Random) -> None:
    """Another voice, which may break off or fall silent, and one that takes over from it."""
    trouble = draw.choice((None, None, fail(BrokenStream("writing", "closed")), stall))
    voice = WritingVoice(
        trouble,
        draw.randrange(8),
        word_seconds=draw.choice((0.1, 0.25)),
        first_seconds=draw.choice((0.0, 0.1)),
    )
    if draw.random() < 0.7:
        voice.backup = draw.choice((WritingVoice(word_seconds=0.2), ToneSynthesizer()))
    conversation.change(response_mode="tokens", synthesizer=voice)


async def talk(seed: int, *, tokens: bool = False) -> StreamingConversation:
    draw = random.Random(seed)
    conversation, transcriber = make(draw)
    if tokens:
        token_by_token(conversation, draw)
    await conversation.start()
    transcriber.hear("Tell me more")
    for _ in range(draw.randint(2, 4)):
        for _ in range(draw.randint(2, 15)):
            conversation.receive_audio(QUIET)
            await clock.sleep(FRAME_SECONDS)
        await clock.sleep(draw.random() * FRAME_SECONDS)
        match draw.randrange(5):
            case 0:
                conversation.broadcast_interrupt()
            case 1:
                transcriber.hear(draw.choice(USER), ends_turn=draw.choice((True, None)))
            case 2 | 3:  # a sound without words
                conversation.receive_audio(LOUD[: draw.randrange(2048, 3200, 2)])
            case _:
                said = draw.choice(USER)
                for _ in range(draw.randint(1, 6)):
                    conversation.receive_audio(LOUD)
                    await clock.sleep(FRAME_SECONDS)
                    transcriber.hear(said.split()[0], final=False)
                transcriber.hear(said, ends_turn=None)
    await clock.sleep(draw.choice((0.0, 0.5, 3.0)))
    await conversation.terminate(drain_seconds=draw.choice((0.0, 0.5)))
    return conversation


def check(conversation: StreamingConversation, seed: int) -> None:
    device, trace = conversation.output_device, conversation.trace
    assert isinstance(device, WatchedLoudspeaker)
    assert not trace.of(WorkerFailed), seed
    assert device.after_clear == 0, seed
    for utterance in device.utterances:
        assert utterance.closed.is_set(), seed
        assert utterance.sent == utterance.played + utterance.dropped, seed
        assert utterance.buffered == 0, seed
        off = abs(utterance.played - device.sounded.get(utterance.id, 0))
        assert off <= 1 + len(trace.of(Held)), seed  # each pause falls between two samples
        assert min(utterance.played, utterance.dropped) >= 0, seed
    turns = [fact.turn for fact in trace.of(TurnCommitted)]
    assert turns == list(range(1, len(turns) + 1)), seed
    for cut in trace.of(CutOff):
        heard, intended = words_of(cut.heard), words_of(cut.intended)
        assert heard == intended[: len(heard)], seed
        assert cut.context == cut.heard, seed
    said = [m.text for m in conversation.transcript.event_logs]
    assert all(said), seed
    held = False
    for _, fact in trace:
        if isinstance(fact, Held):
            assert not held, seed
            held = True
        elif isinstance(fact, Resumed):
            assert held, seed
            held = False
        elif isinstance(fact, InterruptDecided):
            held = False


async def many(seeds: range, *, tokens: bool = False) -> None:
    talks = [spawn(talk(seed, tokens=tokens), name=str(seed)) for seed in seeds]
    for seed, done in zip(seeds, await asyncio.gather(*talks), strict=True):
        check(done, seed)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, left


@pytest.mark.timeout(240)
@pytest.mark.parametrize("batch", range(10))
def test_what_must_hold_in_every_conversation(batch: int):
    per_batch = CONVERSATIONS // 10
    for first in range(batch * per_batch, (batch + 1) * per_batch, AT_ONCE):
        clock.run(many(range(first, first + AT_ONCE)), virtual=True)


def test_it_holds_where_voices_say_what_is_still_being_written():
    clock.run(many(range(4 * AT_ONCE), tokens=True), virtual=True)
