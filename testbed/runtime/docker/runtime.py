"""The `docker` runtime: the same plan as containers, one for each process, on a network of the run's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.plan.values import AddressSpace
from testbed.runtime import Tell
from testbed.runtime.docker.backend import DockerBackend
from testbed.runtime.docker.lease import DockerLease, lease_network
from testbed.runtime.supervised import SupervisedRuntime

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

READY_S = 30.0  # for a process to be ready


class DockerRuntime(SupervisedRuntime):
    """Runs one plan; `directory` is made (it must be new or empty) and removed at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. However its owner ends, its containers, their network and the directory go
    within 2 s; should the reaper be killed too, the next start sweeps them.
    """

    def __init__(self, directory: Path, lease: DockerLease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        super().__init__(directory, DockerBackend(directory, lease, keep), ready_s)

    @classmethod
    def lease(cls) -> DockerLease:
        """Lease a network. Raises `Unavailable` if there is no daemon that this user may use."""
        return lease_network()

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Refuse commands of this machine's with `TopologyError`; whether images are there is seen at the start."""
        for name, service in topology.services.items():
            if service.command and not service.image:
                text = (
                    "a command of this machine's does not run in a container: give the service an image, or an address"
                )
                raise topology.error(("services", name, "command"), text)

    @classmethod
    def address_space(cls, leased: AddressSpace, topology: Topology) -> AddressSpace:
        """Every replica has a network of its own, so that all ports are free."""
        return leased
