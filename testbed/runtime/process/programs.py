"""Before the start: the programs of the user's own services are built and found on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.runtime.tools import commands

if TYPE_CHECKING:
    from testbed.runtime import Tell
    from testbed.spec.topology import Topology


def prepare(topology: Topology, tell: Tell) -> None:
    """Build and find what the services are. Raises `TopologyError` at the place of the first that cannot run here."""
    for name in topology.services:
        _prepare(topology, name, tell)


def _prepare(topology: Topology, name: str, tell: Tell) -> None:
    service = topology.services[name]
    folder = topology.folder / (service.workdir or "")
    if service.image:
        text = "an image needs containers, which the process runtime has not: take --testbed-runtime=docker"
        raise topology.error(("services", name, "image"), text)
    if service.build:
        tell(f"building {name}: {' '.join(service.build)}")
        _there(topology, name, "build", service.build[0], folder)
        _build(topology, name, service.build, folder)
    if service.command and "{{" not in service.command[0]:
        _there(topology, name, "command", service.command[0], folder)


def _there(topology: Topology, name: str, field: str, program: str, folder: Path) -> None:
    try:
        commands.program(program, folder)
    except TestbedError as error:
        raise topology.error(("services", name, field), str(error)) from None


def _build(topology: Topology, name: str, words: tuple[str, ...], folder: Path) -> None:
    try:
        commands.build(words, folder)
    except TestbedError as error:
        raise topology.error(("services", name, "build"), str(error)) from None
