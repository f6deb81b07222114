"""The block `script` in, what the scripted user does out: steps, each with its anchor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from bench.replay.document import Node, nearest
from bench.replay.scenario import Anchor, AnchorKind, Policy, Role, Step, Voice
from bench.replay.schema_setup import voice_of
from bench.replay.sections import Section, choice, existing_file, items, number, text, whole
from bench.replay.speech_store import PAUSE, parts_of, words_of
from bench.trace import KINDS

KEYS = (
    "id",
    "say",
    "play",
    "silence",
    "text",
    "as",
    "at",
    "within",
    "gain_db",
    "voice",
)
ROLES: tuple[Role, ...] = ("turn", "interrupt", "backchannel", "noise", "side_talk")
ANCHORS = get_args(AnchorKind)
POLICIES: tuple[Policy, ...] = get_args(Policy)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
MOST_STEPS = 500
LONGEST_TEXT = 2000


class Before(NamedTuple):
    """What a step may build on: the voice, the limit, and the steps before it."""

    voice: Voice
    max_seconds: float
    steps: Mapping[str, Step]
    later: Sequence[str]


def script_of(node: Node, voice: Voice, max_seconds: float) -> tuple[Step, ...]:
    """The steps, in order."""
    nodes = items(node, most=MOST_STEPS)
    names = [_name(step) for step in nodes]
    steps: dict[str, Step] = {}
    for place, (name, step) in enumerate(zip(names, nodes, strict=True)):
        if name in steps:
            raise step.wrong(
                f"a second step with the id {name!r}, first in line {steps[name].line}"
            )
        before = Before(voice, max_seconds, steps, names[place:])
        steps[name] = _step(step, name, before)
    return tuple(steps.values())


def name_of(node: Node) -> str:
    """An id: small letters, digits, hyphens, underscores."""
    name = text(node)
    if not NAME.fullmatch(name):
        raise node.wrong(f"is {node.shown}", "small letters, digits, - and _, at most 80")
    return name


def _name(node: Node) -> str:
    return name_of(Section(node, KEYS, required=("id",))["id"])


def _step(node: Node, name: str, before: Before) -> Step:
    section = Section(node, KEYS, required=("at",))
    what = section.exactly_one(("say", "play", "silence"))
    voice = voice_of(section["voice"], before.voice) if "voice" in section else before.voice
    if what != "say" and "voice" in section:
        raise section["voice"].wrong(f"goes with say, not with {what}")
    if what != "play" and "text" in section:
        raise section["text"].wrong(f"goes with play, not with {what}")
    if what == "silence" and ("as" in section or "gain_db" in section):
        key = "as" if "as" in section else "gain_db"
        raise section[key].wrong("goes with say and play, not with silence")
    say = _say(section["say"]) if what == "say" else ""
    timeout, policy = _within(section.get("within"))
    return Step(
        id=name,
        at=_anchor(section["at"], before),
        say=say,
        play=_play(section) if what == "play" else None,
        text=" ".join(words_of(say)) if say else section.text("text"),
        silence=section.seconds("silence", 0.0, 0.02) if what == "silence" else None,
        role=section.choice("as", ROLES, "turn") if what != "silence" else "silence",
        gain_db=section.number("gain_db", 0.0, -60, 20, "dB"),
        voice=voice if what == "say" else None,
        timeout_seconds=timeout,
        if_missed=policy,
        file=node.file,
        line=node.line,
    )


def _say(node: Node) -> str:
    said = " ".join(text(node).split())
    if len(said) > LONGEST_TEXT:
        raise node.wrong(f"is {len(said)} characters long", f"{LONGEST_TEXT}")
    if "<pause" in PAUSE.sub("", said):
        raise node.wrong("holds a pause that cannot be read", "<pause 900ms>, <pause 1.5s>")
    parts = parts_of(said)
    for part in parts:
        if not any(map(str.isalnum, part.text)):
            wrong = "holds nothing to say" if len(parts) == 1 else "has no words around a pause"
            raise node.wrong(wrong, "words before and after every pause; silence: is a step")
        if part.pause_seconds > 30:
            raise node.wrong(f"has a pause of {part.pause_seconds:g} s", "up to 30 s")
    return said


def _play(section: Section) -> Path:
    if "text" not in section and section.choice("as", ROLES, "turn") == "turn":
        raise section["play"].wrong(
            "is a turn whose words nobody knows", "text: with what is said in it, or as: noise"
        )
    return existing_file(section["play"], "a sound file")


def _within(node: Node | None) -> tuple[float, Policy]:
    default = Step("", Anchor("time"))
    if node is None:
        return default.timeout_seconds, default.if_missed
    section = Section(node, ("timeout_s", "if_missed"))
    timeout = section.seconds("timeout_s", default.timeout_seconds, 0.02)
    return timeout, section.choice("if_missed", POLICIES, "fail")


def _anchor(node: Node, before: Before) -> Anchor:
    section = Section(node, (*ANCHORS, "plus"))
    kind = section.exactly_one(ANCHORS)
    value = section[kind]
    if "plus" in section and kind in ("time", "bot_starts", "bot_ends"):
        raise section["plus"].wrong(
            f"goes with bot_word, after, user_word and event; with {kind} the number is the delay"
        )
    plus = section.seconds("plus", 0.0)
    match kind:
        case "time":
            return Anchor("time", number(value, 0, before.max_seconds, "s, within max_s"))
        case "bot_starts" | "bot_ends":
            return Anchor(choice_of(kind), _delay(value))
        case "bot_word":
            return Anchor("bot_word", plus, word=whole(value, 1, 10_000))
        case "after":
            return Anchor("after", plus, step=_earlier(value, before).id)
        case "user_word":
            return _user_word(value, plus, before)
        case _:
            return Anchor("event", plus, event=_event(value))


def choice_of(kind: str) -> AnchorKind:
    """A checked kind of anchor, as its type."""
    return next(known for known in ANCHORS if known == kind)


def _delay(node: Node) -> float:
    if isinstance(node.value, int | float) and not isinstance(node.value, bool) and node.value < 0:
        raise node.wrong(
            f"is {node.shown}: nobody knows when the bot will begin or end",
            "0 or more; before it begins, {after: STEP, plus: s} or {event: AgentRequested}",
        )
    return number(node, 0, 3600, "s")


def _earlier(node: Node, before: Before) -> Step:
    name = text(node)
    if name in before.steps:
        return before.steps[name]
    known = ", ".join(before.steps) or "none, this is the first"
    if name in before.later:
        itself = "itself" if before.later[0] == name else "a later step"
        raise node.wrong(f"{name!r} is {itself}", f"an earlier one: {known}")
    raise node.wrong(
        f"there is no step {name!r}{nearest(name, before.steps)}", f"an earlier one: {known}"
    )


def _user_word(node: Node, plus: float, before: Before) -> Anchor:
    if not isinstance(node.value, list) or len(node.value) != 2:
        raise node.wrong(f"is {node.shown}", "[step, number of the word]")
    step = _earlier(node.value[0], before)
    words = len(step.text.split())
    if not words:
        raise node.wrong(f"nothing is said in {step.id!r}", "a step with words")
    word = node.value[1]
    if isinstance(word.value, int) and not isinstance(word.value, bool) and word.value > words:
        raise word.wrong(f"{step.id!r} has {words} words, not {word.value}", f"1 to {words}")
    return Anchor("user_word", plus, step=step.id, word=whole(word, 1, words))


def _event(node: Node) -> str:
    return choice(node, tuple(KINDS))
