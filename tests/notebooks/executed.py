"""A notebook in, the same notebook with the outputs of a clean kernel out.

`python -m tests.notebooks.executed [NAME…]` runs the notebooks and writes them back.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HOME = Path(__file__).parents[2] / "notebooks"
CELL_SECONDS = 180


def notebooks() -> list[Path]:
    return sorted(HOME.glob("*.ipynb"))


def executed(path: Path) -> NotebookNode:
    """Run every cell in a new kernel, in the notebooks' folder; CellExecutionError when one
    fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(HOME)}},
    )
    return client.execute()


def tidied(notebook: NotebookNode) -> NotebookNode:
    """Without what differs from run to run and says nothing: times, ids, the kernel's version."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(display_name="Python 3", language="python", name="python3"),
        language_info=NotebookNode(name="python"),
    )
    return notebook


if __name__ == "__main__":
    for chosen in [HOME / name for name in sys.argv[1:]] or notebooks():
        sys.stdout.write(f"{chosen.name}\n")
        nbformat.write(tidied(executed(chosen)), chosen)
