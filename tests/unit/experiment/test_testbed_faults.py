"""What an experiment, or an injection, asks of a fault: everything once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from testbed import flapping, get, steady
from testbed.experiment import record
from testbed.experiment.planning import plan_for
from testbed.experiment.testbed import Testbed
from testbed.plan.values import Ground
from testbed.spec.topology import Topology
from tests.kit.fault_plane import ONCE, Asked, Plane, injector
from tests.unit.experiment.test_testbed import Machine

SHOP = Topology.model_validate({"name": "t", "entry": "a", "services": {"a": {"language": "go"}}})
LOAD = steady(get("/"), rps=50)
EDGE = "client -> a"


class Traffic:
    """A load that sends nothing."""

    def run(self, for_s: float, phase: str) -> None:
        pass

    def mark(self, event: str, start: float) -> None:
        pass

    def result(self) -> str:
        return "done"


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testbed]:
    monkeypatch.setattr(Testbed, "load", lambda bed, shape: nullcontext(Traffic()))
    machine: Any = Machine()
    made = Testbed(plan_for(SHOP, Ground("127.9")), machine, tmp_path, machine)
    made._injector = injector(Plane())
    record.begin("a test", 7)
    yield made
    record.begin("(no test)", 0)


def test_a_fault_of_an_experiment_is_asked_once(bed: Testbed) -> None:
    fault = Asked().on(EDGE)
    assert bed.experiment(fault, load=LOAD, hold_s=1) == "done"
    assert fault.questions == ONCE
    assert [(one.fault, one.edges) for one in record.current().injected] == [(str(fault), (EDGE,))]
    assert bed._faulted == {"a"}


def test_a_fault_that_is_injected_is_asked_once(bed: Testbed) -> None:
    fault = Asked().on(EDGE)
    with bed.inject(fault):
        assert fault.questions == ONCE
    assert fault.questions == ONCE


def test_a_fault_in_time_is_asked_for_the_whole_and_for_the_step_that_has_come(bed: Testbed) -> None:
    fault = Asked().on(EDGE)
    with bed.inject(flapping(fault, up_s=600, down_s=600)):
        pass
    assert fault.questions == ONCE * 2
