"""What comes through the pipe of a campaign, for tests that need no mesh."""

import pytest

from testbed.campaigns.suite import run_suite

TESTS = """
import pytest
from testbed import TestbedError

def test_it_works(): pass
def test_it_breaks(): assert 503 == 200
def test_it_cannot(): raise TestbedError("no edge")
def test_it_is_not_here(): pytest.skip("not here")
@pytest.mark.xfail
def test_it_is_known(): assert 0
@pytest.mark.control("it is weak")
def test_it_is_a_control(): pass
@pytest.fixture
def nothing(): raise OSError("nothing")
def test_it_has_nothing(nothing): pass
@pytest.fixture
def messy():
    yield
    raise OSError("messy")
def test_it_cannot_end(messy): pass
"""


@pytest.fixture
def heard(pytester, monkeypatch):
    """Run the suite; returns the outcomes by short names, and all that was heard, with numbers."""

    def run(*args):
        pytester.makepyfile(TESTS)
        monkeypatch.chdir(pytester.path)
        calls = []
        plain = ["-p", "no:randomly", "-p", "no:cacheprovider", *args]
        found = run_suite(plain, kept="campaign", on_outcome=lambda *call: calls.append(call))
        return {name.rpartition("::")[2]: one for name, one in found.items()}, calls

    return run


def test_every_test_reports_its_outcome_and_its_asserts(heard):
    found, calls = heard()
    assert {name: (one.outcome, one.asserts) for name, one in found.items()} == {
        "test_it_works": ("passed", "held"),
        "test_it_breaks": ("failed", "violated"),
        "test_it_cannot": ("failed", "error"),
        "test_it_is_not_here": ("skipped", "held"),
        "test_it_is_known": ("xfailed", "violated"),
        "test_it_is_a_control": ("passed", "held"),
        "test_it_has_nothing": ("error", "violated"),
        "test_it_cannot_end": ("error", "held"),
    }
    assert found["test_it_breaks"].why == "AssertionError: assert 503 == 200"
    assert found["test_it_cannot_end"].why == "OSError: messy"
    assert found["test_it_is_a_control"].control == "it is weak"
    assert [(number, of) for _, number, of in calls] == [*((n, 8) for n in range(1, 9)), (8, 8)]


def test_xdist_workers_report_through_the_controller(heard):
    found, calls = heard("-n", "1", "-k", "works or breaks")
    assert {name: one.outcome for name, one in found.items()} == {"test_it_works": "passed", "test_it_breaks": "failed"}
    assert [(number, of) for _, number, of in calls] == [(1, 2), (2, 2)]
