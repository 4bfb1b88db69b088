"""The work for a topology grows in proportion to its size. Function calls are counted, not seconds."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from testbed.experiment.planning import plan_for
from testbed.plan.values import AddressSpace
from testbed.spec.topology import Topology


def large(size: int) -> Topology:
    """A topology in which each service calls the next three, with a policy for each first call."""
    services = {
        f"s{n}": {"language": "go", "replicas": 2, "calls": [f"s{to}" for to in range(n + 1, min(n + 4, size))]}
        for n in range(size)
    }
    policies = [
        {"edge": f"s{n} -> s{n + 1}", "timeout": "1s", "retries": {"attempts": 2, "perTryTimeout": "300ms"}}
        for n in range(size - 1)
    ]
    data = {"name": "large", "entry": "s0", "services": services, "policies": policies}
    return Topology.model_validate(data)


def calls_of(work: str, size: int) -> int:
    """Return how many function calls, generator steps included, the work needs."""
    made, seen = large(size), 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal seen
        seen += event == "call"

    sys.setprofile(count)
    try:
        _ = made.warnings() if work == "warnings" else plan_for(made, AddressSpace("127.50"))
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.parametrize("work", ["plan", "warnings"])
def test_twice_the_services_need_twice_the_work(work: str) -> None:
    calls_of(work, 3)  # imports
    assert calls_of(work, 80) < 2.4 * calls_of(work, 40)
