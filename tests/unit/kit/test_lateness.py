"""The meter of the machine's lateness, and what it does to a test of lateness."""

import os
import signal
import threading
import time

import pytest

from testbed.checks import SATURATED
from testbed.errors import Inconclusive, NotContained
from tests.kit.lateness import LATE_S, Lateness, Meter
from tests.kit.reruns import MOST_IN_CI, is_saturated

TEST = """
import pytest
from pathlib import Path

@pytest.mark.lateness
def test_one():
    with Path("runs").open("a") as file:
        file.write("x")
    assert len(Path("runs").read_text()) >= {passes_at}

def test_another():
    assert {other}
"""
FAKE = """
import pytest
import tests.kit.reruns
from tests.kit.lateness import Lateness

class Meter:
    def end(self):
        return Lateness({late}, 0.0)

tests.kit.reruns.Meter = Meter
pytest_plugins = ["tests.kit.reruns"]
"""


def stopped(begins_s: float) -> Lateness:
    meter = Meter()
    time.sleep(begins_s)
    os.kill(meter.process.pid, signal.SIGSTOP)
    time.sleep(0.4)
    os.kill(meter.process.pid, signal.SIGCONT)
    return meter.end()


def test_a_process_that_is_stopped_is_measured_as_late() -> None:
    assert any(found.process_s >= 0.3 and found.is_large for found in map(stopped, (0.1, 1, 10)))  # once it has begun


def test_it_ends_its_thread_and_its_process() -> None:
    before = threading.active_count()
    meter = Meter()
    meter.end()
    assert (meter.process.returncode, threading.active_count()) == (0, before)


@pytest.mark.parametrize(
    ("found", "is_large"),
    [
        (Lateness(LATE_S, 0), False),
        (Lateness(LATE_S + 0.01, 0), True),
        (Lateness(0, LATE_S + 0.01), True),
    ],
)
def test_either_of_the_two_makes_it_large(found: Lateness, is_large: bool) -> None:
    assert found.is_large == is_large


def ran(pytester: pytest.Pytester, *, late: float, passes_at: int, other: str = "True") -> pytest.RunResult:
    pytester.makeconftest(FAKE.format(late=late))
    pytester.makepyfile(TEST.format(passes_at=passes_at, other=other))
    return pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:testbed.frontends.plugin.hooks")


def test_a_late_test_on_a_late_machine_runs_again(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = ran(pytester, late=1.0, passes_at=3)
    assert result.parseoutcomes() == {"passed": 2, "rerun": 2}
    result.stdout.fnmatch_lines("2 reruns, as the machine was late")


def test_it_runs_three_times_at_most(pytester: pytest.Pytester) -> None:
    result = ran(pytester, late=1.0, passes_at=4)
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "rerun": 2}
    result.stdout.fnmatch_lines("a bare thread was up to 1000 ms late*")


def test_a_late_test_on_a_quick_machine_fails(pytester: pytest.Pytester) -> None:
    assert ran(pytester, late=0.0, passes_at=2).parseoutcomes() == {"passed": 1, "failed": 1}


def test_another_test_never_runs_again(pytester: pytest.Pytester) -> None:
    result = ran(pytester, late=1.0, passes_at=1, other="False")
    assert result.parseoutcomes() == {"passed": 1, "failed": 1}


@pytest.mark.parametrize(("in_ci", "code"), [("true", 1), ("", 0)])
def test_too_many_reruns_fail_a_run_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, in_ci: str, code: int
) -> None:
    monkeypatch.setenv("CI", in_ci)
    monkeypatch.setattr("tests.kit.reruns.MOST_IN_CI", 1)
    result = ran(pytester, late=1.0, passes_at=3)
    assert result.ret == code
    assert ("fail a run in CI" in result.stdout.str()) == bool(code)


def test_the_stated_number_is_small() -> None:
    assert MOST_IN_CI <= 10


@pytest.mark.parametrize(
    ("error", "runs_again"),
    [
        (
            Inconclusive(
                f"1 check: 1 INCONCLUSIVE\n  why  {SATURATED.replace(' ', chr(10), 1)}: an empty way took 250 ms"
            ),
            True,
        ),
        (Inconclusive("1 check: 1 INCONCLUSIVE\n  why  50 of 50 prove only >= 94 %"), False),
        (NotContained(f"it says {SATURATED}, and is refuted"), False),
        (None, False),
    ],
)
def test_a_verdict_that_a_saturated_testbed_could_not_tell_is_asked_for_again(
    error: BaseException | None, runs_again: bool
) -> None:
    assert is_saturated(error) == runs_again
