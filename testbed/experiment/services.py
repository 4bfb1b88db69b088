"""What happens before a mesh is started: services that run already are looked for, the others built and found."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.errors import TestbedError, TopologyError
from testbed.runtime.tools import commands

if TYPE_CHECKING:
    from testbed.experiment.progress import Say
    from testbed.spec.topology import Topology

PATIENCE_S = 2.0  # for a connection to what should run already


def prepared(topology: Topology, runtime: str, say: Say) -> Topology:
    """Return the topology with hosts as addresses, when all that it names is there and has been built.

    Raises `TopologyError`, with the place in the file, for the first thing that is not.
    """
    for name in topology.services:
        _has_folder(topology, name)
    addresses = _addresses(topology)
    found = topology.with_overrides(addresses=addresses) if addresses else topology
    for name in topology.services:
        if runtime == "process":
            _startable(topology, name, say)
        else:
            _contained(topology, name)
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
        raise _error(topology, name, "address", f"{why}: it must run before the testbed starts") from None
    return f"{ip}:{port}"


def _has_folder(topology: Topology, name: str) -> None:
    service = topology.services[name]
    if service.workdir and not (topology.folder / service.workdir).is_dir():
        raise _error(topology, name, "workdir", f"there is no folder {topology.folder / service.workdir}")


def _startable(topology: Topology, name: str, say: Say) -> None:
    service = topology.services[name]
    folder = topology.folder / (service.workdir or "")
    if service.image:
        text = "an image needs containers, which the process runtime has not: take --testbed-runtime=docker"
        raise _error(topology, name, "image", text)
    if service.build:
        say(f"building {name}: {' '.join(service.build)}")
        _there(topology, name, "build", service.build[0], folder)
        _build(topology, name, service.build, folder)
    if service.command and "{{" not in service.command[0]:
        _there(topology, name, "command", service.command[0], folder)


def _contained(topology: Topology, name: str) -> None:
    service = topology.services[name]
    if service.command and not service.image:
        text = "a command of this machine's does not run in a container: give the service an image, or an address"
        raise _error(topology, name, "command", text)


def _there(topology: Topology, name: str, field: str, program: str, folder: Path) -> None:
    try:
        commands.program(program, folder)
    except TestbedError as error:
        raise _error(topology, name, field, str(error)) from None


def _build(topology: Topology, name: str, words: tuple[str, ...], folder: Path) -> None:
    try:
        commands.build(words, folder)
    except TestbedError as error:
        raise _error(topology, name, "build", str(error)) from None


def _error(topology: Topology, name: str, field: str, text: str) -> TopologyError:
    return TopologyError(topology.located(("services", name, field), text))
