"""A case in, a conversation that was cut in on out: its other two roles are played by parts."""

from __future__ import annotations

from typing import Any, NamedTuple

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.conversation import StreamingConversation
from bench.engine.transcript import Sender
from bench.events import CutOff, PlaybackFinished, Word
from bench.simulation import tone
from bench.simulation.context import Reply
from bench.simulation.truth import TruthFeed
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from bench.trace import Trace
from tests.contracts.case import Case
from tests.contracts.ends import nothing_left
from tests.engine.scene import Listener, is_loud

HOURS = "We are open from nine to five, and on Sundays from ten until noon, except in August."
BOOKED = "Of course."
REPLIES = (Reply("open", HOURS), Reply("book", BOOKED), Reply("*", "Pardon?"))
LINES = ("When are you open?", "Please book a table.")
"""What the caller says; the second cuts in on the answer to the first."""
FRAME_SAMPLES = 320
PACE = 240  # words a minute: the caller is in a hurry
BEGINS_SECONDS = 0.2
LISTENS_SECONDS = 1.0  # to the answer, before the caller cuts in
LONGEST_SECONDS = 15.0
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
        await Caller(call, speaker, feed).talk()
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


class Caller:
    """Says the lines, each when its moment has come, and is silent in between."""

    def __init__(self, call: StreamingConversation, speaker: Listener, feed: TruthFeed) -> None:
        self.call, self.speaker, self.feed = call, speaker, feed
        self.sample = 0  # of the microphone
        self._sound = b""  # of the line that is being said
        self._said = 0  # lines

    async def talk(self) -> None:
        """Until the second answer has been heard, frame by frame as it is spoken."""
        began = clock.now()
        while not self._is_over() and clock.now() < began + LONGEST_SECONDS:
            if self._said < len(LINES) and self._moment():
                self._begin()
            self.sample += FRAME_SAMPLES
            await clock.sleep_until(began + self.sample / SAMPLE_RATE)
            frame, self._sound = self._sound[: 2 * FRAME_SAMPLES], self._sound[2 * FRAME_SAMPLES :]
            self.call.receive_audio(frame.ljust(2 * FRAME_SAMPLES, b"\0"))
            self._tell()

    def _moment(self) -> bool:
        if not self._said:
            return self.sample >= BEGINS_SECONDS * SAMPLE_RATE
        heard = self.speaker.position if self.speaker.utterances else 0
        return heard >= LISTENS_SECONDS * SAMPLE_RATE

    def _begin(self) -> None:
        line = LINES[self._said]
        self._sound, words = tone.speak(line, words_per_minute=PACE)
        placed = [Word(word, self.sample + begin, self.sample + end) for word, begin, end in words]
        self.feed.say(f"line {self._said}", placed)
        self._said += 1
        self._told = 0

    def _tell(self) -> None:
        """A part that hears nothing is told the words in time."""
        user = self.call.transcriber
        if not isinstance(user, ScriptedTranscriber) or not self._said:
            return
        words = self.feed.said[-1].words
        late = round(HEARS_SECONDS * SAMPLE_RATE)
        known = sum(word.end_sample + late <= self.sample for word in words)
        if known > self._told:
            self._told = known
            text = " ".join(word.text for word in words[:known])
            user.hear(text, final=known == len(words), ends_turn=None)

    def _is_over(self) -> bool:
        return bool(self.call.trace.of(CutOff) and self.call.trace.of(PlaybackFinished))


def _heard(call: StreamingConversation, said: list[bytes]) -> list[str]:
    """Of each message, the words whose tones had ended where the sound did."""
    messages = [one for one in call.transcript.event_logs if one.sender is Sender.BOT]
    heard = list[str]()
    for message, sounded in zip(messages, said, strict=True):
        _, words = tone.speak(message.intended)
        heard.append(" ".join(word for word, _, end in words if 2 * end <= len(sounded)))
    return heard
