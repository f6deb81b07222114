"""Every notebook runs from a clean kernel, and says today what it was committed saying."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the kernel's libraries warn of one another as they load
    import nbformat
    from nbformat import NotebookNode

    from tests.notebooks.executed import executed, notebooks

pytestmark = [
    pytest.mark.replay,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # of the kernel's libraries, not ours
]

EACH = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell: NotebookNode) -> Iterator[str]:
    """What a cell printed or showed as text; nothing of one that is tagged to tell how long it
    took, or a hash that another machine's arithmetic may change."""
    if "timing" in cell.metadata.get("tags", []):
        return
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        elif "data" in output and "image/png" not in output.data:
            yield output.data.get("text/plain", "")


def test_there_are_five() -> None:
    assert [path.name[:2] for path in notebooks()] == ["01", "02", "03", "04", "05"]


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[Path, Future[NotebookNode]]]:
    """Every notebook at work, two at a time, each from a process of its own."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield {path: pool.submit(executed, path) for path in notebooks()}


@EACH
def test_it_runs_from_a_clean_kernel_and_says_the_same(
    path: Path, runs: dict[Path, Future[NotebookNode]]
) -> None:
    kept, anew = nbformat.read(path, as_version=4), runs[path].result()
    for before, after in zip(code(kept), code(anew), strict=True):
        assert list(texts(before)) == list(texts(after)), before.source


@EACH
def test_it_is_committed_with_its_outputs(path: Path) -> None:
    cells = code(nbformat.read(path, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@EACH
def test_it_reads_like_an_article_and_calls_a_simulation_one(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert prose.startswith("# ")
    assert "simulated" in prose.lower()
    assert len(prose.split()) > 150
    assert not re.search(r"/(root|home|tmp|work)/", path.read_text(encoding="utf-8"))
