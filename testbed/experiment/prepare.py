"""Before a mesh starts: finds external services, and lets the runtime find and build the others."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.experiment.progress import OnProgress
    from testbed.runtime import Runtime
    from testbed.spec.topology import Topology

PATIENCE_S = 2.0  # for a connection to an external service


def prepare(topology: Topology, runtime: type[Runtime], say: OnProgress) -> Topology:
    """Return the topology with addresses in the place of host names, after all its services are found and built.

    Raises `TopologyError`, with the place in the file, for the first service that is missing.
    """
    for name in topology.services:
        _has_folder(topology, name)
    found = topology.with_addresses(_addresses(topology))
    runtime.prepare(topology, say)
    return found


def _addresses(topology: Topology) -> dict[str, str]:
    """The addresses of external services; each has accepted a connection."""
    given = {name: service.address for name, service in topology.services.items() if service.address}
    return {name: _seen(topology, name, address) for name, address in given.items()}


def _seen(topology: Topology, name: str, address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        ip = str(socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
        socket.create_connection((ip, int(port)), PATIENCE_S).close()
    except OSError as error:
        why = f"no service answers at {address} ({(error.strerror or str(error)).lower()})"
        raise topology.error(("services", name, "address"), f"{why}: it must run before the testbed starts") from None
    return f"{ip}:{port}"


def _has_folder(topology: Topology, name: str) -> None:
    service = topology.services[name]
    if service.workdir and not (topology.folder / service.workdir).is_dir():
        raise topology.error(("services", name, "workdir"), f"there is no folder {topology.folder / service.workdir}")
