"""The table in the documents has the rows and columns that the suite has."""

import re

import pytest

from bench.providers.known import PROVIDERS, ROLES, Role
from tests.contracts.case import cases
from tests.contracts.table import BEGIN, DOCUMENT, END, TITLES, checks, shape, title

pytestmark = pytest.mark.unit


def written() -> str:
    return DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]


@pytest.mark.parametrize("role", ROLES)
def test_it_is_as_the_suite_is(role: Role):
    rows, columns = shape(role)
    (table,) = [part for part in written().split("\n\n") if part.startswith(f"| {TITLES[role]} |")]
    head, _, *lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert head[1:] == columns
    assert [line[0] for line in lines] == [title(check) for check in rows]
    assert {mark for line in lines for mark in line[1:] if not re.fullmatch(r"\(\d+\)", mark)} <= {
        "✓"
    }


def test_what_is_not_asked_has_its_reason():
    text = written()
    assert [reason for case in cases() for reason in case.gaps.values() if reason not in text] == []
    assert "not asked" not in text


def test_a_gap_names_a_check_that_there_is():
    asked = {(check, case.name, case.role) for check, case in checks()}
    strays = [
        (gap, case.name)
        for case in cases()
        for gap in case.gaps
        if (gap, case.name, case.role) not in asked
    ]
    assert strays == []


def test_every_vendor_with_an_adapter_is_asked():
    vendors = {(row.role, row.key) for row in PROVIDERS if row.adapter and row.key != "embedded"}
    assert {(case.role, case.provider) for case in cases()} == vendors


def test_no_two_cases_of_a_role_have_the_same_name():
    names = [(case.role, case.name) for case in cases()]
    assert len(set(names)) == len(names)
