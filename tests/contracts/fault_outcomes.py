"""A place of the matrix in, what the listener heard out; and the table of it in the documents.

`python -m tests.contracts.fault_outcomes` lets every fault happen and writes what came of it into
docs/providers.md.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping

from bench import clock
from bench.events import FellBack
from bench.simulation.faults import KINDS_OF, STAGES
from tests.contracts.failing_call import APOLOGY, Call, called
from tests.contracts.fault_matrix import MOMENTS, Cell, cells
from tests.contracts.table import DOCUMENT

BEGIN = "<!-- what the fault matrix found: `python -m tests.contracts.fault_outcomes` -->"
END = "<!-- end of what it found -->"
TITLES = {"stt": "Who listens", "llm": "Who answers", "tts": "Who speaks"}
HEADS = ("first turn", "mid-answer", "while cut in on")
BETWEEN = " → "  # what is heard alone, and with a fallback


def outcome(cell: Cell, call: Call) -> str:
    """What the listener heard in the turn that failed, in a word; "?" and all of it where none
    fits."""
    said = [message.text for message in call.history if message.who == "bot"]
    if cell.moment == "interrupt":
        said = said[1:]  # what was cut in on
    said = [text for text in said[:-1] if text != "Pardon?"]
    if said == [cell.answer]:
        return _whole(cell, call)
    if said == [APOLOGY]:
        return "apology"
    if len(said) == 2 and cell.answer.startswith(said[0]) and said[1] == APOLOGY:
        return "beginning, apology"
    return f"? {said}"


def _whole(cell: Cell, call: Call) -> str:
    if cell.kind == "wrong_rate":
        return "answer, drawn out"
    if not call.trace.of(FellBack):
        return "answer"
    if cell.stage != "tts" or cell.answer.startswith(call.asked[0]):
        return "fallback"
    return "rest by fallback"


def markdown(found: Mapping[Cell, str]) -> str:
    """A table for each stage."""
    return "\n\n".join("\n".join(_table(stage, found)) for stage in STAGES)


def _table(stage: str, found: Mapping[Cell, str]) -> Iterator[str]:
    yield _row([TITLES[stage], "comes out as", *HEADS])
    yield _row(["---"] * 5)
    for kind in KINDS_OF[stage]:
        pairs = [(Cell(stage, kind, moment), Cell(stage, kind, moment, True)) for moment in MOMENTS]
        errors = dict.fromkeys(alone.error for alone, _ in pairs)
        named = " or ".join(f"`{error}`" for error in errors if error) or "–"
        yield _row([f"`{kind}`", named, *(_both(found, *pair) for pair in pairs)])


def _both(found: Mapping[Cell, str], alone: Cell, backed: Cell) -> str:
    return BETWEEN.join(dict.fromkeys((found[alone], found[backed])))


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def written() -> dict[Cell, str]:
    """What the document says."""
    text = DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    found = dict[Cell, str]()
    tables = text.strip().split("\n\n")
    for stage, table in itertools.zip_longest(STAGES, tables, fillvalue=""):
        for line in table.splitlines()[2:]:
            kind, _, *told = line.strip("| ").split(" | ")
            for moment, both in zip(MOMENTS, told, strict=True):
                alone, _, backed = both.partition(BETWEEN)
                found[Cell(stage, kind.strip("`"), moment)] = alone
                found[Cell(stage, kind.strip("`"), moment, True)] = backed or alone
    return found


def main() -> int:
    """Let everything happen, and write; 1 when something came out that has no word."""
    found = {cell: outcome(cell, clock.run(called(cell.plan()), virtual=True)) for cell in cells()}
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{markdown(found)}\n\n{END}{after}", "utf-8")
    strange = {str(cell): told for cell, told in found.items() if told.startswith("?")}
    sys.stdout.write("".join(f"{cell}: {told}\n" for cell, told in strange.items()))
    return int(bool(strange))


if __name__ == "__main__":
    sys.exit(main())
