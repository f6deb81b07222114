"""A conversation through three real SDKs, cut in on, and the same twice: the seams hold them."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from bench import clock
from bench.emulators.stand_ins import serving
from bench.engine.conversation import StreamingConversation
from bench.engine.transcript import Sender
from bench.events import (
    AgentFinished,
    CutOff,
    InterruptDecided,
    ProviderFailed,
    TurnCommitted,
    Word,
)
from bench.providers.handler import VoiceHandler
from bench.simulation import tone
from bench.simulation.context import Reply, Simulation
from bench.simulation.draws import Draws
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left
from tests.engine.scene import Listener

pytestmark = pytest.mark.contract

TRIO = (("transcriber", "deepgram"), ("llm", "openai"), ("voice", "elevenlabs"))
ROOT = Path(__file__).parents[2]
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 320
GREETING = "Good evening, how can I help you?"
HOURS = "We are open from nine to five, and on Sundays from ten until noon, except in August."
BOOKED = "Of course. It is done."
REPLIES = (Reply("open", HOURS), Reply("book", BOOKED), Reply("*", "Pardon?"))
LINES = ((3.5, "When are you open?"), (9.5, "Please book a table for two."))
"""What the caller says, and when; the second cuts in on the answer to the first."""


class Call(NamedTuple):
    """A conversation that happened."""

    trace: Trace
    history: list[tuple[str, str, bool]]
    prompts: list[list[dict[str, str]]]
    heard: list[str]  # of each of the bot's messages, by the loudspeaker and the tones' own times


def is_loud(window: bytes) -> float:
    return float(any(window))


def microphone(feed: TruthFeed, seconds: float) -> bytes:
    """The caller's sound, and the truth of it."""
    sound = bytearray(round(seconds * 16_000) * 2)
    for number, (at, line) in enumerate(LINES):
        pcm, words = tone.speak(line)
        start = round(at * 16_000)
        sound[2 * start : 2 * start + len(pcm)] = pcm
        placed = [Word(word, start + begin, start + end) for word, begin, end in words]
        feed.say(f"line {number}", placed)
    return bytes(sound)


async def called() -> Call:
    simulation = Simulation(Draws(7), TruthFeed(), REPLIES)
    async with nothing_left(warm=False), serving(simulation, TRIO) as served:
        handler, config = VoiceHandler(served.keys), served.addresses
        speaker = Listener()
        call = StreamingConversation(
            output_device=speaker,
            transcriber=handler.create_transcriber(config),
            agent=handler.create_agent(config),
            synthesizer=handler.create_synthesizer(config),
            vad=is_loud,
            conversation_id="trio",
            greeting=GREETING,
        )
        await call.start()
        sound = microphone(simulation.feed, 16.0)
        began = clock.now()
        for number, start in enumerate(range(0, len(sound), 2 * FRAME_SAMPLES), 1):
            await clock.sleep_until(began + number * FRAME_SECONDS)
            call.receive_audio(sound[start : start + 2 * FRAME_SAMPLES])
        await call.terminate()
        history = [
            (str(message.sender), message.text, message.interrupted)
            for message in call.transcript.event_logs
        ]
        heard = heard_of(call, speaker)
        prompts = [request["messages"] for request in served.emulators["llm"].requests]
        return Call(call.trace, history, prompts, heard)


def heard_of(call: StreamingConversation, speaker: Listener) -> list[str]:
    """What the loudspeaker gave of each message, found in the sound itself."""
    said = [one for one in call.transcript.event_logs if one.sender is Sender.BOT]
    heard = list[str]()
    for message, sounded in zip(said, speaker.sounded.values(), strict=True):
        pcm, words = b"", list[tuple[str, int]]()
        for sentence in sentences(message.intended):
            spoken, placed = tone.speak(sentence)
            words += [(word, len(pcm) // 2 + end) for word, _, end in placed]
            pcm += spoken
        assert pcm.startswith(sounded)
        heard.append(" ".join(word for word, end in words if 2 * end <= len(sounded)))
    return heard


def sentences(text: str) -> list[str]:
    return [f"{one.rstrip('.')}." if one[-1] not in "?." else one for one in text.split(". ")]


def digest(trace: Trace) -> str:
    return hashlib.sha256("\n".join(trace.lines()).encode()).hexdigest()


@pytest.fixture(scope="module")
def call() -> Call:
    return clock.run(called(), virtual=True)


def test_greeting_question_answer_and_a_cut_in(call: Call):
    told = [(who, text, cut) for who, text, cut in call.history]
    assert told[0] == ("bot", GREETING, False)
    assert told[1] == ("human", LINES[0][1], False)
    assert told[2][0] == "bot"
    assert told[2][2] is True
    assert HOURS.startswith(told[2][1])
    assert 3 <= len(told[2][1].split()) < len(HOURS.split())
    assert told[3] == ("human", LINES[1][1], False)
    assert told[4] == ("bot", BOOKED, False)
    assert len(told) == 5
    assert [fact.text for fact in call.trace.of(TurnCommitted)] == [line for _, line in LINES]
    assert len(call.trace.of(InterruptDecided)) == 1
    assert call.trace.of(ProviderFailed) == []
    assert len(call.trace.of(AgentFinished)) == 2


def test_the_history_holds_what_the_loudspeaker_gave_to_the_word(call: Call):
    assert call.heard == [text for who, text, _ in call.history if who == "bot"]
    (cut,) = call.trace.of(CutOff)
    assert cut.heard == cut.context == call.heard[1]
    assert not cut.estimated


def test_the_model_is_asked_with_what_was_heard(call: Call):
    first, second = call.prompts
    assert [message["content"] for message in first[1:]] == [GREETING, LINES[0][1]]
    assert second[3]["content"] == f"{call.heard[1]} –"
    assert second[4]["content"] == LINES[1][1]


def test_it_happens_the_same_way_again(call: Call):
    again = clock.run(called(), virtual=True)
    assert list(again.trace.lines()) == list(call.trace.lines())
    assert again.prompts == call.prompts


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_and_in_another_process_with_another_hash_seed(call: Call, seed: str):
    program = (
        "from bench import clock; from tests.contracts.test_trio import called, digest; "
        "print(digest(clock.run(called(), virtual=True).trace))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONHASHSEED": seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip() == digest(call.trace)
