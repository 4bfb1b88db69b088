"""The `process` runtime: a plan as ordinary processes on loopback addresses, which die with their owner."""

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

READY_S = 20.0  # time limit for readiness


class ProcessRuntime(SupervisedRuntime):
    """Runs one plan in `directory`, which it creates (it must be new or empty) and removes at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. If its owner dies, its processes and the directory are removed within 2 s.
    """

    def __init__(self, directory: Path, lease: Lease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        super().__init__(directory, ProcessBackend(directory, lease, keep), ready_s)

    @classmethod
    def lease(cls) -> Lease:
        """Lease a block of loopback addresses. Raises `TestbedError` when all are taken."""
        return lease_block()

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Build custom services and find their programs. Raises `TopologyError` for a missing one."""
        programs.prepare(topology, tell)

    @classmethod
    def address_space(cls, leased: AddressSpace, topology: Topology) -> AddressSpace:
        """Return the block with ports or network namespaces for apps that listen on all addresses."""
        return wildcard_ports.address_space(leased, topology)
