"""Before a mesh is started: services that run already are looked for, the others built and found by the runtime."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.experiment.progress import Say
    from testbed.runtime import Runtime
    from testbed.spec.topology import Topology

PATIENCE_S = 2.0  # for a connection to what should run already


def prepare(topology: Topology, runtime: type[Runtime], say: Say) -> Topology:
    """Return the topology with hosts as addresses, when all that it names is there and has been built.

    Raises `TopologyError`, with the place in the file, for the first thing that is not.
    """
    for name in topology.services:
        _has_folder(topology, name)
    found = topology.with_addresses(_addresses(topology))
    runtime.prepare(topology, say)
    return found


def _addresses(topology: Topology) -> dict[str, str]:
    """Where services run already, by number; each has been seen to take a connection."""
    given = {name: service.address for name, service in topology.services.items() if service.address}
    return {name: _seen(topology, name, address) for name, address in given.items()}


def _seen(topology: Topology, name: str, address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        ip = str(socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
        socket.create_connection((ip, int(port)), PATIENCE_S).close()
    except OSError as error:
        why = f"nobody answers at {address} ({(error.strerror or str(error)).lower()})"
        raise topology.error(("services", name, "address"), f"{why}: it must run before the testbed starts") from None
    return f"{ip}:{port}"


def _has_folder(topology: Topology, name: str) -> None:
    service = topology.services[name]
    if service.workdir and not (topology.folder / service.workdir).is_dir():
        raise topology.error(("services", name, "workdir"), f"there is no folder {topology.folder / service.workdir}")
