"""The table of faults in the documents has a word for every place of the matrix."""

import pytest

from tests.contracts.fault_matrix import cells
from tests.contracts.fault_outcomes import BEGIN, DOCUMENT, END, markdown, written

pytestmark = pytest.mark.unit


def test_it_is_as_the_matrix_is():
    found = written()
    assert list(found) == sorted(cells(), key=list(found).index)
    assert not any(told.startswith("?") or not told for told in found.values())


def test_it_is_written_as_it_is_read():
    text = DOCUMENT.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert text.strip() == markdown(written())
