"""The `docker` runtime: the same plan as containers, one for each process, in a network of the run."""

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

READY_S = 30.0  # time limit for readiness


class DockerRuntime(SupervisedRuntime):
    """Runs one plan in `directory`, which it creates (it must be new or empty) and removes at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. If its owner dies, its containers, their network and the directory are removed
    within 2 s. If the reaper is killed too, the next start removes them.
    """

    def __init__(self, directory: Path, lease: DockerLease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        super().__init__(directory, DockerBackend(directory, lease, keep), ready_s)

    @classmethod
    def lease(cls) -> DockerLease:
        """Lease a network. Raises `Unavailable` if there is no daemon that this user may use."""
        return lease_network()

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Raise `TopologyError` for commands of this machine. Images are checked at the start."""
        for name, service in topology.services.items():
            if service.command and not service.image:
                text = "a command of this machine cannot run in a container: give the service an image or an address"
                raise topology.error(("services", name, "command"), text)

    @classmethod
    def address_space(cls, leased: AddressSpace, topology: Topology) -> AddressSpace:
        """Return the space unchanged: each replica has its own network, so all ports are free."""
        return leased
