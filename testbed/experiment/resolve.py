"""The topology of a test: the file with its overrides, in the arm of the test."""

from __future__ import annotations

from testbed.experiment.arm import Arm
from testbed.spec.overrides import Overrides
from testbed.spec.topology import Topology


def resolve(read: Topology, overrides: Overrides, arm: Arm = Arm.AS_WRITTEN) -> Topology:
    """Return a topology with overrides, derived once; without policies in the arm that has none.

    Raises `TopologyError` for invalid overrides, in every arm.
    """
    wanted = read.with_overrides(**overrides)
    return wanted.without_policies() if arm is Arm.WITHOUT_POLICIES else wanted
