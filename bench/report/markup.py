"""Names, attributes and texts in, HTML out that cannot be broken out of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

VOID = frozenset({"br", "img", "meta", "wbr"})


class Markup(str):
    """HTML that is ready; any other text is escaped where it is put in."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element. An attribute that is None or False is left out, and True has no value; `class_`
    is `class`, `data_run` is `data-run`."""
    opening = "".join([name, *_attributes(attributes)])
    if name in VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{joined(children)}</{name}>")


def joined(children: Iterable[object]) -> Markup:
    """Texts and elements one after the other; None is nothing."""
    return Markup("".join(_text(child) for child in children if child is not None))


def table(head: Sequence[object], rows: Iterable[Iterable[object]], **attributes: object) -> Markup:
    """A table in a box of its own that can be moved sideways; an element `td` stays what it is, and
    a column of numbers is headed as one."""
    body = [[_cell(cell) for cell in row] for row in rows]
    numbers = [cell.startswith(_NUMBER) for cell in body[0]] if body else []
    heads = [
        tag(
            "th",
            text,
            scope="col",
            class_="number" if place < len(numbers) and numbers[place] else None,
        )
        for place, text in enumerate(head)
    ]
    lines = [tag("tr", *row) for row in body]
    made = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *lines), **attributes)
    return tag("div", made, class_="wide", tabindex="0")


def number(value: object) -> Markup:
    """A cell that is set as a number."""
    return tag("td", value, class_="number")


_NUMBER = '<td class="number">'


def _cell(cell: object) -> Markup:
    if isinstance(cell, Markup) and cell.startswith(("<td", "<th")):
        return cell
    return tag("td", cell)


def _text(child: object) -> str:
    if isinstance(child, Markup):
        return child
    return escape(str(child), quote=True).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _attributes(attributes: dict[str, object]) -> Iterable[str]:
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            yield f" {name}"
        elif value is not None and value is not False:
            yield f' {name}="{_text(value)}"'
