"""A role in, the cases of it out as parameters of a test: each is asked under its name."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.providers.known import Role
from tests.contracts.case import Case, cases


def each(role: Role | None = None, but: Callable[[Case], bool] | None = None) -> Any:
    """Parametrise a test over the cases of a role, or of all, for which `but` does not hold."""
    chosen = [case for case in cases(role) if but is None or not but(case)]
    return pytest.mark.parametrize("case", chosen, ids=[label(case) for case in chosen])


def label(case: Case) -> str:
    """The name under which pytest shows a case: one vendor may have two roles."""
    return f"{case.name} {case.role}" if _twice(case) else case.name


def _twice(case: Case) -> bool:
    return sum(other.name == case.name for other in cases()) > 1
