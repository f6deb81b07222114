"""YAML files in, scenarios out; a file that is wrong says where and how, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.engine.settings import ConversationSettings
from bench.replay.document import Node, ScenarioError, compose
from bench.replay.scenario import Scenario
from bench.replay.schema_bot import replies_of, tools_of
from bench.replay.schema_expect import expectations_of, gate_of
from bench.replay.schema_providers import (
    fallback_of,
    faults_of,
    pair_by_of,
    profiles_of,
    stacks_of,
)
from bench.replay.schema_script import name_of, script_of
from bench.replay.schema_setup import setup_of
from bench.replay.sections import Section, existing_file, items, texts, whole

VERSION = 1
KEYS = (
    "scenario",
    "id",
    "title",
    "tags",
    "include",
    "setup",
    "providers",
    "profiles",
    "faults",
    "bot",
    "script",
    "expect",
    "gate",
)
AUDIO = "audio"  # the folder of rendered speech
ENDINGS = (".yaml", ".yml")
MOST_INCLUDES = 20


def read(path: Path | str) -> Scenario:
    """The scenario of a file.

    Raises:
        ScenarioError: the file, or one that it includes, is wrong; `file:line: key: what is wrong`.
    """
    path = Path(path)
    node = _included(compose(path), ())
    section = Section(node, KEYS, required=("scenario", "id", "script"))
    _check_version(section["scenario"])
    setup = setup_of(section.get("setup"))
    script = script_of(section["script"], setup.voice, setup.max_seconds)
    stacks = stacks_of(section.get("setup"), section.get("providers"))
    fallback = fallback_of(section.get("setup"), stacks)
    steps = [step.id for step in script]
    tools = tools_of(section.get("bot"))
    replies, bot_voice = replies_of(section.get("bot"), setup.voice, tools)
    scenario = Scenario(
        id=name_of(section["id"]),
        script=script,
        title=section.text("title"),
        tags=texts(section["tags"]) if "tags" in section else (),
        setup=replace(setup, fallback=fallback),
        stacks=stacks,
        profiles=profiles_of(section.get("profiles"), stacks, fallback),
        faults=faults_of(section.get("faults"), steps),
        replies=replies,
        tools=tools,
        bot_voice=bot_voice,
        expect=expectations_of(section.get("expect"), steps),
        gate=gate_of(section.get("gate")),
        path=path,
        audio=_audio_folder(path),
        pair_by=pair_by_of(section.get("providers")),
    )
    _check_bot_words(scenario, section["script"])
    return scenario


def read_all(paths: Iterable[Path | str]) -> list[Scenario]:
    """The scenarios of files and of folders with all below them, in order of their paths.

    In a folder, files whose name begins with `_` are left out: they are there to be included.

    Raises:
        ScenarioError: one is wrong, two have the same id, or there is none.
    """
    scenarios: dict[str, Scenario] = {}
    for path in files_of(paths):
        scenario = read(path)
        first = scenarios.get(scenario.id)
        if first is not None:
            raise ScenarioError(path, 0, "id", f"{scenario.id!r} is that of {first.path} too")
        scenarios[scenario.id] = scenario
    return list(scenarios.values())


def files_of(paths: Iterable[Path | str]) -> list[Path]:
    """The scenario files that files and folders name, each once.

    Raises:
        ScenarioError: a folder holds none.
    """
    files: dict[Path, None] = {}
    for path in map(Path, paths):
        found = list(_below(path)) if path.is_dir() else [path]
        if not found:
            raise ScenarioError(path, 0, "", "no scenario in this folder", f"files in {ENDINGS[0]}")
        files.update(dict.fromkeys(found))
    return list(files)


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        if path.suffix in ENDINGS and not hidden and path.is_file():
            yield path


def _check_version(node: Node) -> None:
    if whole(node, 0, 1_000_000) != VERSION:
        raise node.wrong(f"is {node.shown}: this schema is unknown here", str(VERSION))


def _included(node: Node, chain: tuple[Path, ...]) -> Node:
    """A document with those that it includes beneath it: mappings are joined, all else replaced."""
    section = Section(node, KEYS)
    include = section.get("include")
    chain = (*chain, node.file.resolve())
    if include is None or not isinstance(node.value, dict):
        return node
    base: dict[str, Node] = {}
    for item in items(include) if isinstance(include.value, list) else [include]:
        path = existing_file(item, "a YAML file")
        if path.resolve() in chain:
            names = " → ".join(part.name for part in (*chain, path))
            raise item.wrong(f"includes itself: {names}", "files that do not include this one")
        if len(chain) > MOST_INCLUDES:
            raise item.wrong("includes that include too deep", f"{MOST_INCLUDES} levels")
        inner = _included(compose(path), chain)
        base = _joined(base, inner.value if isinstance(inner.value, dict) else {})
    own = {key: value for key, value in node.value.items() if key != "include"}
    return Node(_joined(base, own), node.file, node.line)


def _joined(under: dict[str, Node], over: dict[str, Node]) -> dict[str, Node]:
    joined = dict(under)
    for key, node in over.items():
        below = joined.get(key)
        if below is not None and isinstance(below.value, dict) and isinstance(node.value, dict):
            value = _joined(below.value, node.value)
            node = Node(value, node.file, node.line, node.key)
        joined[key] = node
    return joined


def _audio_folder(path: Path) -> Path:
    """`audio` beside the file, or where the folder above has one, there."""
    beside, above = path.parent / AUDIO, path.parent.resolve().parent / AUDIO
    if beside.is_dir() or not above.is_dir():
        return beside
    return path.parent / ".." / AUDIO if path.parent == Path() else path.parent.parent / AUDIO


def _check_bot_words(scenario: Scenario, script: Node) -> None:
    """With fixed answers it is known how many words the bot has at most."""
    if not scenario.replies:
        return
    settings = ConversationSettings().changed(**scenario.setup.settings)
    said = scenario.answers
    said += [settings.greeting or "", settings.goodbye, *settings.idle_prompts]
    most = max(len(text.split()) for text in said)
    for step, node in zip(scenario.script, items(script), strict=True):
        if step.at.kind == "bot_word" and step.at.word > most:
            raise _anchor_node(node).wrong(
                f"the bot's longest answer has {most} words, not {step.at.word}", f"1 to {most}"
            )


def _anchor_node(step: Node) -> Node:
    at = Section(step, tuple(step.value) if isinstance(step.value, dict) else ())["at"]
    return Section(at, ("bot_word", "plus"))["bot_word"]
