"""A fault in, a call through three real SDKs out, in the course of which it happens."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.conversation import StreamingConversation
from bench.engine.transcript import Sender
from bench.events import SynthesisRequested, ToolReturned, TurnCommitted, Word
from bench.providers.handler import VoiceHandler
from bench.providers.known import ROLES, Role
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.case import Case, cases
from tests.engine.scene import Listener, is_loud

STAGE_OF: Mapping[Role, str] = {"transcriber": "stt", "llm": "llm", "voice": "tts"}
FIRST: Mapping[str, str] = {"stt": "deepgram", "llm": "openai", "tts": "elevenlabs"}
SECOND: Mapping[str, str] = {"stt": "assemblyai", "llm": "anthropic", "tts": "polly"}
"""By stage, the cases of who is asked first, and of who stands by."""

QUESTION, NOD, CUT_IN, THANKS = (
    "When are you open?",
    "Mhm.",
    "Please book a table.",
    "Thank you.",
)
HOURS = "We are open from nine to five. On Sundays from ten until noon."
SENTENCES = ("We are open from nine to five.", "On Sundays from ten until noon.")
BOOKED = "Certainly, a table on Sunday."
WELCOME = "You are welcome."
APOLOGY = "Sorry, something went wrong. Could you say that again?"
TOOL = "hours"

FRAME_SAMPLES = 960  # 60 ms
PACE = 240  # words a minute: the caller is in a hurry
BEGINS_SECONDS = 0.2
LISTENS_SECONDS = 1.0  # to the answer, before the caller speaks again
QUIET_SECONDS = 0.4  # after which the answer is over
LONGEST_SECONDS = 40.0  # for one line and what comes of it
UNHURRIED: Mapping[str, Mapping[str, Any]] = {
    "stt": {},
    "llm": {"every": lambda: 0.25},
    "tts": {"factor": lambda: 0.9},
}
SETTINGS = {"end_of_turn_seconds": 0.3, "idle_seconds": None, "vad": is_loud, "apology": APOLOGY}


class Message(NamedTuple):
    """A message of the history."""

    who: str
    text: str
    interrupted: bool


@dataclass
class Call:
    """A call that happened; `asked` are the texts that the backup's voice was sent."""

    trace: Trace
    history: list[Message]
    sounded: list[bytes]  # of each of the bot's utterances that had a sound
    stuck: str = ""
    log: str = ""
    asked: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Plan:
    """What happens in a call: the `faults` of one stage, the `lines` of the caller, whether backups
    stand by; `first` is who fails, by case, if not the usual."""

    stage: str
    faults: tuple[Fault, ...]
    lines: tuple[str, ...]
    backed: bool
    tool: bool = False  # whether the first answer wants one
    hurried: bool = True  # whether an answer is there long before it has been heard
    first: str = ""


async def called(plan: Plan, **settings: Any) -> Call:
    """Let it happen; nothing is asserted of it but that it ends."""
    feed = TruthFeed()
    async with _parts(plan, feed, lambda: caller.count(plan.stage)) as (parts, servers):
        user, speaker = parts["transcriber"], Listener()
        feed.begins = lambda: user.intake.begins
        call = StreamingConversation(
            output_device=speaker, conversation_id="failing", **parts, **(SETTINGS | settings)
        )
        if plan.tool:
            call.agent.tools.add(hours)
        caller = Caller(call, speaker, feed, plan.lines)
        with Log() as log:
            await call.start()
            stuck = await caller.talk()
            await call.terminate()
        history = [
            Message("user" if one.sender is Sender.HUMAN else "bot", one.text, one.interrupted)
            for one in call.transcript.event_logs
        ]
        sounded = [bytes(pcm) for pcm in speaker.sounded.values() if any(pcm)]
        voice = servers[second("tts", plan.first)] if plan.backed else None
        asked = [] if voice is None else [_text(request) for request in voice.requests]
        return Call(call.trace, history, sounded, stuck, log.text, asked)


def _text(request: Mapping[str, Any]) -> str:
    """What a voice was to say."""
    return str(request.get("text", request.get("Text")))


def warm() -> Iterator[None]:
    """For as long as it is suspended, what is made once is there, and no collection looks at it."""
    clock.run(called(Plan("stt", (), (QUESTION, THANKS), backed=True)), virtual=True)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def hours() -> str:
    """When the house is open."""
    return SENTENCES[0]


@asynccontextmanager
async def _parts(
    plan: Plan, feed: TruthFeed, turn: Callable[[], int]
) -> AsyncGenerator[tuple[dict[str, Any], dict[str, Any]], None]:
    """The three parts, and the servers by the names of their cases."""
    config, keys, servers = dict[str, Any](), dict[str, Secret](), dict[str, Any]()
    needs: dict[str, tuple[Any, ...]] = {"stt": (feed,), "llm": (_replies(plan),), "tts": ()}
    async with AsyncExitStack() as stack:
        for stage, role in zip(("stt", "llm", "tts"), ROLES, strict=True):
            fails = stage == plan.stage
            first = case_of(role, (fails and plan.first) or FIRST[stage])
            faults = plan.faults if fails else ()
            pace = {} if plan.hurried else UNHURRIED[stage]
            ours = [(first, {"faults": faults, "turn": turn, **pace}, ROLES[role][0])]
            if plan.backed:
                ours.append((case_of(role, second(stage, first.name)), {}, f"{role}Fallback"))
            for case, options, setting in ours:
                server = case.make_emulator(*needs[stage], **options)
                await stack.enter_async_context(server.serving())
                servers[case.name] = server
                told = case.agent_config(server.url)
                keys |= told.pop("keys")
                config |= {setting: case.provider, **told}
        handler = VoiceHandler(keys)
        yield (
            {
                "transcriber": handler.create_transcriber(config),
                "agent": handler.create_agent(config),
                "synthesizer": handler.create_synthesizer(config),
            },
            servers,
        )


def _replies(plan: Plan) -> tuple[Reply, ...]:
    answer = f"{{result}} {SENTENCES[1]}" if plan.tool else HOURS
    return (
        Reply("open", answer, TOOL if plan.tool else ""),
        Reply("book", BOOKED),
        Reply("thank", WELCOME),
        Reply("*", "Pardon?"),
    )


def second(stage: str, first: str) -> str:
    """Who stands by for a case of a stage."""
    return FIRST[stage] if first == SECOND[stage] else SECOND[stage]


def case_of(role: Role, name: str) -> Case:
    """The case of that name."""
    return next(case for case in cases(role) if case.name == name)


def secrets() -> list[str]:
    """The keys of everybody in such a call."""
    return [case.right_key for case in cases() if case.virtual and not case.missing]


class Caller:
    """Says the lines, each when its moment has come, and is silent in between."""

    def __init__(
        self,
        call: StreamingConversation,
        speaker: Listener,
        feed: TruthFeed,
        lines: Sequence[str],
    ) -> None:
        self.call, self.speaker, self.feed = call, speaker, feed
        self.lines = lines
        self.said = 0  # lines
        self.sample = 0  # of the microphone
        self._sound = b""  # of the line that is being said
        self._began = self._quiet_since = 0.0
        self._utterances = 0  # before the line that was said last

    def count(self, stage: str) -> int:
        """Which result of a stage is being asked for, from 1: a line heard, a round of the model, a
        sentence spoken."""
        trace = self.call.trace
        match stage:
            case "stt":
                return self.said
            case "llm":
                return len(trace.of(TurnCommitted)) + len(trace.of(ToolReturned))
            case _:
                return len(trace.of(SynthesisRequested))

    async def talk(self) -> str:
        """Frame by frame, until the last line has its answer; what is stuck, if that never
        comes."""
        began = self._began = clock.now()
        while clock.now() < self._began + LONGEST_SECONDS:
            if not self._sound and self._is_time():
                if self.said == len(self.lines):
                    return ""
                self._begin()
            self.sample += FRAME_SAMPLES
            await clock.sleep_until(began + self.sample / SAMPLE_RATE)
            frame, self._sound = self._sound[: 2 * FRAME_SAMPLES], self._sound[2 * FRAME_SAMPLES :]
            self.call.receive_audio(frame.ljust(2 * FRAME_SAMPLES, b"\0"))
        return f"nothing came of {self.lines[self.said - 1]!r}"

    def _is_time(self) -> bool:
        if not self.said:
            return self.sample >= BEGINS_SECONDS * SAMPLE_RATE
        if self.said < len(self.lines) and self.lines[self.said] in (NOD, CUT_IN):
            heard = self.speaker.position if self.speaker.utterances else 0
            return heard >= LISTENS_SECONDS * SAMPLE_RATE
        return self._is_answered()

    def _is_answered(self) -> bool:
        """Whether something was said since, and nothing more is coming."""
        answered = len(self.speaker.utterances) > self._utterances
        if self.said == len(self.lines):
            answered = WELCOME in [one.text for one in self.call.transcript.event_logs[-1:]]
        if not (answered and self.call.is_quiet):
            self._quiet_since = clock.now()
        return clock.now() >= self._quiet_since + QUIET_SECONDS

    def _begin(self) -> None:
        line = self.lines[self.said]
        self._sound, words = tone.speak(line, words_per_minute=PACE)
        placed = [Word(word, self.sample + begin, self.sample + end) for word, begin, end in words]
        self.feed.say(f"line {self.said}", placed)
        self.said += 1
        self._began = self._quiet_since = clock.now()
        if line != NOD:  # which is not answered
            self._utterances = len(self.speaker.utterances)


class Log(logging.Handler):
    """Everything that anybody logs, from INFO on, while the block runs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines = list[str]()

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))

    def __enter__(self) -> Log:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger().removeHandler(self)
