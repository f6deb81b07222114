"""A table in, a part of it out, in types that say what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pandas as pd

Look = dict[str, Any]
"""Keyword arguments of matplotlib's that several calls share."""


def where(table: pd.DataFrame, wanted: Callable[[dict[str, Any]], bool]) -> pd.DataFrame:
    """The rows that are wanted, as they stand."""
    return table.iloc[[i for i, row in enumerate(records(table)) if wanted(row)]]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row by column; a missing number is NaN."""
    return cast(Any, table).to_dict("records")


def groups(
    table: pd.DataFrame, by: str | list[str], *, sort: bool = True
) -> list[tuple[Any, pd.DataFrame]]:
    """The rows with the same value, or values, by it."""
    return [(name, cast(Any, rows)) for name, rows in table.groupby(by, sort=sort)]


def column(table: pd.DataFrame, name: str) -> list[Any]:
    """The values of a column, in order."""
    return cast(Any, table[name]).tolist()


def known(table: pd.DataFrame, name: str) -> list[float]:
    """The numbers of a column that are known."""
    return [float(value) for value in column(table, name) if value == value]


def total(table: pd.DataFrame, name: str) -> float:
    """The sum of what is known of a column."""
    return sum(known(table, name))


def together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of several, one below the other."""
    return cast(Any, pd.concat(list(tables)))
