"""The `process` runtime: a plan as ordinary processes on loopback addresses, none of which outlives its owner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.plan.values import AddressSpace
from testbed.runtime import Tell
from testbed.runtime.process import programs, wildcard_ports
from testbed.runtime.process.backend import ProcessBackend
from testbed.runtime.process.lease import Lease, lease_block
from testbed.runtime.supervised import SupervisedRuntime

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

READY_S = 20.0  # for a process to be ready


class ProcessRuntime(SupervisedRuntime):
    """Runs one plan in `directory`, which it makes (it must be new or empty) and removes at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. However its owner ends, its processes and the directory go within 2 s.
    """

    def __init__(self, directory: Path, lease: Lease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        super().__init__(directory, ProcessBackend(directory, lease, keep), ready_s)

    @classmethod
    def lease(cls) -> Lease:
        """Lease a block of loopback addresses. Raises `TestbedError` when all are taken."""
        return lease_block()

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Build and find the programs of the user's own services. Raises `TopologyError` for what is not there."""
        programs.prepare(topology, tell)

    @classmethod
    def address_space(cls, leased: AddressSpace, topology: Topology) -> AddressSpace:
        """Return the block with what the apps need that listen on all addresses."""
        return wildcard_ports.address_space(leased, topology)
