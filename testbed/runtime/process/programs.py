"""Builds custom services and finds their programs on this machine, before the start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.runtime.tools import commands

if TYPE_CHECKING:
    from testbed.runtime import Tell
    from testbed.spec.topology import Topology


def prepare(topology: Topology, tell: Tell) -> None:
    """Build and find all programs. Raises `TopologyError` at the place of the first service that cannot run here."""
    for name in topology.services:
        _prepare(topology, name, tell)


def _prepare(topology: Topology, name: str, tell: Tell) -> None:
    service = topology.services[name]
    folder = topology.folder / (service.workdir or "")
    if service.image:
        text = "an image needs the docker runtime: use --testbed-runtime=docker"
        raise topology.error(("services", name, "image"), text)
    if service.build:
        tell(f"building {name}: {' '.join(service.build)}")
        _check_program(topology, name, "build", service.build[0], folder)
        _build(topology, name, service.build, folder)
    if service.command and "{{" not in service.command[0]:
        _check_program(topology, name, "command", service.command[0], folder)


def _check_program(topology: Topology, name: str, field: str, program: str, folder: Path) -> None:
    try:
        commands.program(program, folder)
    except TestbedError as error:
        raise topology.error(("services", name, field), str(error)) from None


def _build(topology: Topology, name: str, words: tuple[str, ...], folder: Path) -> None:
    try:
        commands.build(words, folder)
    except TestbedError as error:
        raise topology.error(("services", name, "build"), str(error)) from None
