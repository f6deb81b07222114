"""Files and the environment in, settings and keys out.

Read once, in this order, the later over the earlier: the defaults, `talkbench.yaml`, the variables
`TALKBENCH_*`; what a session asks for comes last and is `assembly`'s business. Keys come from the
environment, else from `.env`, which holds nothing but keys. Every name is known or refused.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import reprlib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from bench.errors import ConfigError, nearest
from bench.settings import (
    ALIASES,
    KEY_VARIABLES,
    AppSettings,
    ProviderSettings,
    Secret,
    ServiceSettings,
)

SETTINGS_FILE = "talkbench.yaml"
KEYS_FILE = ".env"
PREFIX = "TALKBENCH_"
SECRET_VARIABLE = "TALKBENCH_SECRET"
TOKEN_VARIABLE = "TALKBENCH_TOKEN"
NOT_SETTINGS = frozenset({"TALKBENCH_CONFIG", "TALKBENCH_REQUIRE_BROWSER"})
"""Names with our prefix that set nothing: which file to read, and what the tests insist on."""

C = TypeVar("C")
Sections = dict[str, Any]  # dataclasses of settings by the names of their sections


@dataclass(frozen=True)
class Config(Generic[C]):
    """All that was set; `conversation` is of the type that `load` was given."""

    app: AppSettings
    conversation: C
    providers: ProviderSettings
    keys: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    services: ServiceSettings = field(default_factory=ServiceSettings)


def load(
    conversation: Callable[[], C],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config[C]:
    """Read `talkbench.yaml` (or the file that `TALKBENCH_CONFIG` names), `TALKBENCH_*` and `.env`.

    `conversation` is the dataclass of a conversation's settings, with defaults; `folder` is where
    the files are, the current one unless told otherwise.

    Raises:
        ConfigError: an unknown name or an impossible value; it says where it stands.
    """
    folder = Path() if folder is None else folder
    environment = os.environ if environment is None else environment
    sections: Sections = {
        "app": AppSettings(),
        "conversation": conversation(),
        "providers": ProviderSettings(),
        "services": ServiceSettings(),
    }
    named = environment.get("TALKBENCH_CONFIG")
    path = folder / (named or SETTINGS_FILE)
    if named and not path.is_file():
        raise ConfigError(f"TALKBENCH_CONFIG names {named}, which is not there")
    if path.is_file():
        _take_file(path, sections)
    _take_environment(environment, sections)
    keys = read_keys(folder=folder, environment=environment)
    private = {name: keys.pop(variable) for name, variable in _PRIVATE.items() if variable in keys}
    app = dataclasses.replace(sections["app"], **private)
    return Config(app, sections["conversation"], sections["providers"], keys, sections["services"])


def read_keys(
    *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> dict[str, Secret]:
    """The keys by the names of their variables: from the environment, else from `.env`.

    Raises:
        ConfigError: `.env` holds something that is no key; the message never shows a value.
    """
    path = (Path() if folder is None else folder) / KEYS_FILE
    environment = os.environ if environment is None else environment
    values = _keys_in(path) if path.is_file() else {}
    values |= {name: environment[name] for name in _KEYS if environment.get(name)}
    return {name: Secret(value) for name, value in values.items() if value}


def named_browser() -> str | None:
    """The browser that `$CHROMIUM` names for the tests."""
    return os.environ.get("CHROMIUM") or None


def converted(kind: Any, name: str, value: object) -> Any:
    """`value` as the type `kind` that an annotation names, without guessing: a whole number may
    stand for a fraction, a list for a tuple, and that is all.

    Raises:
        ConfigError: it is of another type; the message names `name` and what is wanted.
    """
    wanted, may_be_none = _plain(kind)
    if value is None and may_be_none:
        return None
    if typing.get_origin(wanted) is tuple and isinstance(value, list | tuple):
        return tuple(converted(str, name, item) for item in cast("list[object]", value))
    if wanted is float and type(value) in (int, float) and abs(cast("float", value)) < 1e9:
        return float(cast("float", value))
    if isinstance(wanted, type) and type(value) is wanted and wanted is not float:
        return value
    shown = (
        reprlib.repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    )
    shown = "nothing" if value is None else shown
    raise ConfigError(f"{name} is {shown}: want {_WANTED.get(wanted, 'a list of texts')}")


@functools.cache
def types_of(table: type) -> Mapping[str, Any]:
    """The settings of a dataclass, each with its type; those that hold a secret are left out."""
    hints = typing.get_type_hints(table)
    names = [entry.name for entry in dataclasses.fields(table)]
    return {name: hints[name] for name in names if name not in _PRIVATE}


def _types(table: object) -> Mapping[str, Any]:
    return types_of(type(table))


def _plain(kind: Any) -> tuple[Any, bool]:
    """A type without its `| None`, and whether it had that."""
    choices = typing.get_args(kind)
    if not isinstance(kind, types.UnionType):
        return kind, False
    return next(one for one in choices if one is not types.NoneType), types.NoneType in choices


_PRIVATE = {"secret": SECRET_VARIABLE, "token": TOKEN_VARIABLE}
_KEYS = (*KEY_VARIABLES, *_PRIVATE.values())
_WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_ENV_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")


def _take_file(path: Path, sections: Sections) -> None:
    import yaml

    try:
        content: object = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path.name}{where}: this is not YAML") from None
    for section, values in _mapping(content, path.name).items():
        if section not in sections:
            raise _unknown(path.name, section, sections)
        for name, value in _mapping(values, f"{path.name}: {section}").items():
            _set(sections, section, name, value, where=f"{path.name}: {section}.{name}")


def _mapping(content: object, where: str) -> dict[str, object]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: want names with values")
    return {str(name): value for name, value in cast("dict[object, object]", content).items()}


def _take_environment(environment: Mapping[str, str], sections: Sections) -> None:
    known = {
        _variable(name): (section, name)
        for section, table in sections.items()
        for name in _types(table)
    }
    known |= {_variable(alias): ("providers", alias) for alias in ALIASES}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS | set(_PRIVATE.values()):
            continue
        if variable not in known:
            raise _unknown("the environment", variable, known)
        section, name = known[variable]
        kind = _types(sections[section])[ALIASES.get(name, name)]
        _set(sections, section, name, _from_text(kind, environment[variable]), where=variable)


def _variable(name: str) -> str:
    """`words_per_minute` and `llmProvider` as variables: TALKBENCH_WORDS_PER_MINUTE, …"""
    return PREFIX + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _from_text(kind: Any, text: str) -> object:
    """What a variable says, as far as its type tells; the rest is for `converted` to refuse."""
    wanted, may_be_none = _plain(kind)
    if may_be_none and text.lower() in ("none", "null"):
        return None
    if wanted is str:
        return text
    try:
        return json.loads(text.lower() if wanted is bool else text)
    except ValueError:
        return text


def _set(sections: Sections, section: str, name: str, value: object, *, where: str) -> None:
    table, source = sections[section], where.rpartition(": ")[0] or "the environment"
    known = _types(table)
    aliases = ALIASES if section == "providers" else {}
    setting = aliases.get(name, name)
    if setting not in known:
        raise _unknown(source, f"{section}.{name}", [*known, *aliases])
    try:
        sections[section] = dataclasses.replace(
            table, **{setting: converted(known[setting], name, value)}
        )
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _unknown(source: str, name: str, known: typing.Iterable[str]) -> ConfigError:
    known = sorted(known)
    guess = nearest(name.rpartition(".")[2], known)
    return ConfigError(f"{source}: {name} is unknown{guess}; known are: {', '.join(known)}")


def _keys_in(path: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _ENV_LINE.fullmatch(line)
        if match is None:
            raise ConfigError(f"{path.name}, line {number}: want NAME=value")
        if match["name"] not in _KEYS:
            raise _unknown(f"{path.name} holds keys only; line {number}", match["name"], _KEYS)
        values[match["name"]] = _unquoted(match["value"])
    return values


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.sub(r"\s+#.*$", "", value)
