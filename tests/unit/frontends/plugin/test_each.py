"""A line for each test as it ends."""

from types import SimpleNamespace

import pytest

from testbed.frontends.plugin.each import line
from tests.kit.arms import seen, told

TESTS = """
import pytest

def test_it_works(): pass
def test_it_breaks(): assert 0
def test_it_cannot(): pytest.skip("not here")
@pytest.fixture
def nothing(): raise OSError
def test_it_has_nothing(nothing): pass
"""


@pytest.mark.parametrize(
    ("outcome", "passed", "words"),
    [
        ("held", True, "contained"),
        ("violated", True, "not contained, as expected"),
        ("violated", False, "not contained"),
        ("inconclusive", False, "inconclusive"),
    ],
)
def test_the_line_of_a_scenario_shows_its_verdict(outcome, passed, words):
    ended = {"outcome": "passed" if passed else "failed"}
    data = told(seen("held"), seen(outcome), **ended).as_data()
    report = SimpleNamespace(nodeid="a/test_b.py::test_slow_back", testbed=data)
    assert line(report, "passed") == f"slow back: {words}\n"


def test_without_a_verdict_the_line_shows_the_outcome(pytester):
    pytester.makepyfile(TESTS)
    told = pytester.runpytest(
        "-q", "-p", "testbed.frontends.plugin.each", "-p", "no:randomly", "-o", "console_output_style=classic"
    )
    told.assert_outcomes(passed=1, failed=1, skipped=1, errors=1)
    assert told.outlines[:4] == ["it works: passed", "it breaks: failed", "it cannot: skipped", "it has nothing: error"]
