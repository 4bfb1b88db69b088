"""Every fault has its row in docs/faults.md, on the plane that it acts on."""

import re

import pytest

from testbed.faults import FAULTS
from tests.kit import ROOT

TABLE = ROOT.joinpath("docs/faults.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)\([^|]*\| ([^|]+) \|", TABLE, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_has_its_row(name):
    assert name in ROWS, f"docs/faults.md has no row `{name}(...)`"
    plane = FAULTS[name].plane
    assert plane == ROWS[name] or not isinstance(plane, str)  # of a composite it is that of its parts


def test_no_row_is_about_a_fault_that_is_not_there():
    assert set(ROWS) <= set(FAULTS)
