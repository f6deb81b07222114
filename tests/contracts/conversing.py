"""A case in, a conversation that was cut in on out: its other two roles are played by parts."""

from __future__ import annotations

from typing import Any, NamedTuple

from bench import clock
from bench.engine.conversation import StreamingConversation
from bench.engine.transcript import Sender
from bench.events import Word
from bench.simulation import tone
from bench.simulation.context import Reply
from bench.simulation.truth import TruthFeed
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from bench.trace import Trace
from tests.contracts.case import Case
from tests.contracts.ends import nothing_left
from tests.contracts.served import FRAME_SECONDS
from tests.engine.scene import Listener, is_loud

HOURS = "We are open from nine to five, and on Sundays from ten until noon, except in August."
BOOKED = "Of course."
REPLIES = (Reply("open", HOURS), Reply("book", BOOKED), Reply("*", "Pardon?"))
LINES = ((0.2, "When are you open?"), (3.5, "Please book a table."))
"""What the caller says, and when; the second cuts in on the answer to the first."""
PACE = 240  # words a minute: the caller is in a hurry
SECONDS = 7.5
HEARS_SECONDS = 0.15  # after a word, where a part hears
SETTINGS = {"end_of_turn_seconds": 0.3, "idle_seconds": None, "vad": is_loud}


class Call(NamedTuple):
    """A conversation that happened."""

    trace: Trace
    history: list[tuple[str, str, bool]]
    heard: list[str]  # of each of the bot's messages, by the length of what sounded
    said: list[bytes]  # the same, as it sounded
    requests: list[Any]  # what the emulator was asked, where it keeps that


async def called(case: Case) -> Call:
    """A question, an answer that is cut in on, and what comes of that."""
    feed = TruthFeed()
    sound = spoken_into(feed)
    needs = {"transcriber": (feed,), "llm": (REPLIES,), "voice": ()}[case.role]
    async with (
        nothing_left(virtual=case.virtual, warm=case.virtual),
        case.make_emulator(*needs).serving() as server,
    ):
        parts = _parts(case, case.make_adapter(server.url))
        user, speaker = parts["transcriber"], Listener()
        feed.begins = lambda: user.intake.begins
        call = StreamingConversation(
            output_device=speaker, conversation_id=case.name, **parts, **SETTINGS
        )
        await call.start()
        await _microphone(call, sound, feed, user)
        await call.terminate()
        history = [
            (str(message.sender), message.text, message.interrupted)
            for message in call.transcript.event_logs
        ]
        said = [bytes(pcm) for pcm in speaker.sounded.values()]
        return Call(
            call.trace, history, _heard(call, said), said, list(getattr(server, "requests", ()))
        )


def _parts(case: Case, adapter: Any) -> dict[str, Any]:
    """The three roles: one by the adapter, the others as simple as can be."""
    parts: dict[str, Any] = {
        "transcriber": ScriptedTranscriber(),
        "agent": ScriptedAgent([HOURS, BOOKED], think_seconds=0.1, word_seconds=0.02),
        "synthesizer": ToneSynthesizer(first_seconds=0.1, real_time_factor=0.2),
    }
    names = {"transcriber": "transcriber", "llm": "agent", "voice": "synthesizer"}
    return parts | {names[case.role]: adapter}


def spoken_into(feed: TruthFeed) -> bytes:
    """The caller's sound, and the truth of it."""
    sound = bytearray(round(SECONDS * 16_000) * 2)
    for number, (at, line) in enumerate(LINES):
        pcm, words = tone.speak(line, words_per_minute=PACE)
        start = round(at * 16_000)
        sound[2 * start : 2 * start + len(pcm)] = pcm
        placed = [Word(word, start + begin, start + end) for word, begin, end in words]
        feed.say(f"line {number}", placed)
    return bytes(sound)


async def _microphone(
    call: StreamingConversation, sound: bytes, feed: TruthFeed, user: Any
) -> None:
    """The sound as it would come; a part that hears nothing is told the words in time."""
    words = [
        (word.end_sample / 16_000 + HEARS_SECONDS, said.words, number)
        for said in feed.said
        for number, word in enumerate(said.words, 1)
    ]
    frame, began = round(FRAME_SECONDS * 16_000) * 2, clock.now()
    for number, start in enumerate(range(0, len(sound), frame), 1):
        await clock.sleep_until(began + number * FRAME_SECONDS)
        call.receive_audio(sound[start : start + frame])
        while isinstance(user, ScriptedTranscriber) and words:
            at, said, count = words[0]
            if at > number * FRAME_SECONDS:
                break
            del words[0]
            text = " ".join(word.text for word in said[:count])
            user.hear(text, final=count == len(said), ends_turn=None)


def _heard(call: StreamingConversation, said: list[bytes]) -> list[str]:
    """Of each message, the words whose tones had ended where the sound did."""
    messages = [one for one in call.transcript.event_logs if one.sender is Sender.BOT]
    heard = list[str]()
    for message, sounded in zip(messages, said, strict=True):
        _, words = tone.speak(message.intended)
        heard.append(" ".join(word for word, _, end in words if 2 * end <= len(sounded)))
    return heard
