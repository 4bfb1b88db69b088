"""What an experiment, or an injection, asks of a fault: everything once."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from testbed import constant_rate, flapping, get
from testbed.experiment.testbed import Testbed
from tests.kit.fault_plane import ONCE, Asked, Plane, injector

EDGE = "a -> b"


class Traffic:
    """A load that sends nothing."""

    def run(self, for_s: float, phase: str) -> None:
        pass

    def mark(self, event: str, start: float) -> None:
        pass

    def result(self) -> str:
        return "done"


@pytest.fixture
def whole(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> Testbed:
    """A mesh on whose planes faults do nothing, and whose loads send nothing."""
    monkeypatch.setattr(Testbed, "load", lambda bed, shape, probes: nullcontext(Traffic()))
    bed.parts = replace(bed.parts, injector=injector(Plane()))
    return bed


def test_a_fault_of_an_experiment_is_asked_once(whole: Testbed) -> None:
    fault = Asked().on(EDGE)
    assert whole.experiment(fault, load=constant_rate(get("/"), rps=50), hold_s=1) == "done"
    assert fault.questions == ONCE
    assert [(one.fault, one.edges) for one in whole.record.injected] == [(str(fault), (EDGE,))]


def test_a_fault_that_is_injected_is_asked_once(whole: Testbed) -> None:
    fault = Asked().on(EDGE)
    with whole.inject(fault):
        pass
    assert fault.questions == ONCE


def test_a_fault_in_time_is_asked_for_the_whole_and_for_the_step_that_has_come(whole: Testbed) -> None:
    fault = Asked().on(EDGE)
    with whole.inject(flapping(fault, up_s=600, down_s=600)):
        pass
    assert fault.questions == ONCE * 2
