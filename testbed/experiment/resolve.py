"""What a test runs: the topology that was read, with its overrides, in the arm of its test."""

from __future__ import annotations

from testbed.experiment.arm import Arm
from testbed.spec.overrides import Overrides
from testbed.spec.topology import Topology


def resolve(read: Topology, overrides: Overrides, arm: Arm = Arm.AS_WRITTEN) -> Topology:
    """Return a topology with overrides, derived once; without any policy where this is the arm that has none.

    Raises `TopologyError` for overrides that cannot be meant, in every arm.
    """
    wanted = read.with_overrides(**overrides)
    return wanted.without_policies() if arm is Arm.WITHOUT_POLICIES else wanted
