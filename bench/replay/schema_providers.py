"""The blocks `providers`, `profiles` and `faults` in, with whom a scenario is played out."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bench.errors import ConfigError
from bench.providers import handler
from bench.providers.handler import PROVIDERS
from bench.providers.known import RECORDED_PREFIX
from bench.replay.document import Node, nearest
from bench.replay.scenario import Stack
from bench.replay.schema_setup import PROVIDER_KEYS
from bench.replay.sections import Section, items, mapping, text, texts
from bench.settings import ALIASES
from bench.simulation import profiles as simulation
from bench.simulation.faults import KINDS, STAGES, Fault, check
from bench.simulation.profiles import PREFIX, names, profile

PARTS = ("stt", "llm", "tts", "voice")
PAIRS = ("scenario", "step", "repeat")
MOST_STACKS = 500
_ROLES: dict[str, tuple[simulation.Role, handler.Role]] = {
    "stt": ("stt", "transcriber"),
    "llm": ("llm", "llm"),
    "tts": ("tts", "voice"),
}
_POINTS = {"after_audio_ms": "tts", "after_tokens": "llm", "after_partial": "stt"}


def stacks_of(setup: Node | None, providers: Node | None) -> tuple[Stack, ...]:
    """The stacks: one from `setup`, or those of `providers`, or the default one."""
    given = [key for key in PROVIDER_KEYS if setup is not None and key in mapping(setup)]
    if not given and providers is None:
        return (Stack(),)
    if setup is not None and given:
        if providers is not None:
            raise providers.wrong(f"setup names {given[0]} already", "one of the two places")
        return (_single(setup, given),)
    assert providers is not None
    return _several(providers)


def fallback_of(setup: Node | None, stacks: Sequence[Stack]) -> dict[str, str]:
    """Who takes over where a stack's own provider fails, by `stt`, `llm` and `tts`."""
    node = mapping(setup).get("fallback") if setup is not None else None
    if node is None:
        return {}
    section = Section(node, tuple(_ROLES))
    if not section.keys():
        raise node.wrong("names nobody", _ROLES)
    named = {part: _provider(section[part], part) for part in section.keys()}
    for part, name in named.items():
        if not name.startswith(RECORDED_PREFIX) and any(s.parts[part] == name for s in stacks):
            raise section[part].wrong(f"is {name!r}, and so is the provider that fails", "another")
    return named


def pair_by_of(providers: Node | None) -> tuple[str, ...]:
    """What makes two turns comparable."""
    if providers is None or "pair_by" not in mapping(providers):
        return PAIRS
    node = mapping(providers)["pair_by"]
    for item in items(node):
        if item.value not in PAIRS:
            raise item.wrong(f"is {item.shown}", PAIRS)
    return texts(node)


def profiles_of(
    node: Node | None, stacks: Sequence[Stack], fallback: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Changes to profiles, by the names of those that are played with."""
    if node is None:
        return {}
    parts = dict.fromkeys([*(p for s in stacks for p in s.parts.values()), *fallback.values()])
    played = [part for part in parts if part.startswith(PREFIX)]
    changes: dict[str, dict[str, Any]] = {}
    for name, values in mapping(node).items():
        if name not in played:
            known = played or "none, no stack is simulated"
            raise values.wrong(f"no stack plays with it{nearest(name, played)}", known)
        changes[name] = {key: _bare(value) for key, value in mapping(values).items()}
        try:
            profile(name, changes[name])
        except ConfigError as error:
            raise values.wrong(str(error)) from None
    return changes


def faults_of(node: Node | None, steps: Collection[str]) -> tuple[Fault, ...]:
    """What goes wrong, and where."""
    if node is None:
        return ()
    return tuple(_fault(item, steps) for item in items(node, most=100))


def _single(setup: Node, given: Sequence[str]) -> Stack:
    section = mapping(setup)
    chosen: dict[str, str] = {}
    for short, long in ALIASES.items():
        both = [key for key in (short, long) if key in given]
        if len(both) == 2:
            raise section[long].wrong(f"says the same as {short}", "one of the two")
        if both:
            chosen[short] = _provider(section[both[0]], short)
    return Stack(**chosen)


def _several(node: Node) -> tuple[Stack, ...]:
    section = Section(node, ("matrix", "exclude", "list", "pair_by"))
    which = section.exactly_one(("matrix", "list"))
    if which == "list":
        if "exclude" in section:
            raise section["exclude"].wrong("goes with matrix, not with list")
        stacks = [_stack(item) for item in items(section["list"], most=MOST_STACKS)]
    else:
        stacks = _matrix(section["matrix"])
    for item in items(section["exclude"]) if "exclude" in section else ():
        stacks = _without(stacks, item)
    names = [stack.name for stack in stacks]
    for name in names:
        if names.count(name) > 1:
            raise section[which].wrong(f"the stack {name} comes up twice", "each one once")
    return tuple(stacks)


def _matrix(node: Node) -> list[Stack]:
    section = Section(node, PARTS)
    axes = {part: _axis(section[part], part) for part in PARTS if part in section}
    count = 1
    for axis in axes.values():
        count *= len(axis)
    if not axes or count > MOST_STACKS:
        raise node.wrong(f"makes {count if axes else 0} stacks", f"1 to {MOST_STACKS}")
    combinations = itertools.product(*axes.values())
    return [Stack(**dict(zip(axes, each, strict=True))) for each in combinations]


def _axis(node: Node, part: str) -> list[str]:
    return [_provider(item, part) for item in items(node, most=MOST_STACKS)]


def _stack(node: Node) -> Stack:
    section = Section(node, PARTS)
    return Stack(**{part: _provider(section[part], part) for part in section.keys()})


def _without(stacks: Sequence[Stack], node: Node) -> list[Stack]:
    section = Section(node, PARTS)
    wanted = {part: section.text(part) for part in section.keys()}
    if not wanted:
        raise node.wrong("excludes everything", PARTS)
    left = [s for s in stacks if any(getattr(s, part) != name for part, name in wanted.items())]
    if len(left) == len(stacks):
        raise node.wrong("excludes nothing", "parts of the matrix")
    if not left:
        raise node.wrong("leaves nothing to play")
    return left


def _provider(node: Node, part: str) -> str:
    name = text(node)
    if part == "voice":
        return name
    if name.startswith(RECORDED_PREFIX):
        return _cassette(node, name.removeprefix(RECORDED_PREFIX))
    role, row = _ROLES[part]
    known = [*(p.key for p in PROVIDERS if p.role == row), *names(role)]
    if name not in known:
        raise node.wrong(f"there is no {part} {name!r}{nearest(name, known)}", known)
    return name


def _cassette(node: Node, folder: str) -> str:
    """A cassette by its folder's path from the folder of the YAML file that names it."""
    if not folder:
        raise node.wrong("names no folder", "recorded: and a cassette's folder")
    return f"{RECORDED_PREFIX}{node.file.parent / folder}"


def _fault(node: Node, steps: Collection[str]) -> Fault:
    known = ("at", "kind", "when", "for_ms", "retry_after_s", "factor", "every")
    section = Section(node, known, required=("at", "kind", "when"))
    when = Section(section["when"], ("turn", "utterance", *_POINTS))
    at = section.choice("at", STAGES, "stt")
    for point, stage in _POINTS.items():
        if point in when and stage != at:
            raise when[point].wrong(f"is a point of {stage}, and the fault is at {at}")
    utterance = when.text("utterance") if "utterance" in when else None
    if utterance is not None and utterance not in steps:
        guess = nearest(utterance, steps)
        raise when["utterance"].wrong(f"there is no step {utterance!r}{guess}", steps)
    fault = Fault(
        at=at,
        kind=section.choice("kind", KINDS, KINDS[0]),
        turn=when.whole("turn", 0, 0, 10_000) if "turn" in when else None,
        utterance=utterance,
        after_audio_seconds=_point(when, "after_audio_ms"),
        after_tokens=_count(when, "after_tokens"),
        after_partial=_count(when, "after_partial"),
        for_seconds=section.seconds("for_ms", 3.0, 0.0, 600.0),
        retry_after_seconds=section.seconds("retry_after_s", 1.0, 0.0, 600.0),
        factor=section.number("factor", 3.0, 0.01, 1000),
        every=section.flag("every", False),
    )
    try:
        check(fault)
    except ConfigError as error:
        raise node.wrong(str(error)) from None
    return fault


def _point(when: Section, key: str) -> float | None:
    return when.seconds(key, 0.0, 0.0, 600.0) if key in when else None


def _count(when: Section, key: str) -> int | None:
    return when.whole(key, 0, 0, 100_000) if key in when else None


def _bare(node: Node) -> Any:
    """A value without its place."""
    if isinstance(node.value, dict):
        return {key: _bare(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [_bare(value) for value in node.value]
    return node.value
