"""The interfaces that a plan needs from higher packages: a mesh, and the testbed's links and inlet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from testbed.plan.values import File, Link, Process, ProxyHost, Replica
from testbed.spec.meshes import Capabilities

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

Part = tuple[list[Process], list[File]]
"""Processes and their configuration files."""


class MeshPorts(Protocol):
    """The part of `testbed.mesh.Mesh` that the plan uses. Pure: links and policies in, text and values out."""

    @property
    def name(self) -> str:
        """The name in topologies."""

    @property
    def capabilities(self) -> Capabilities:
        """What the mesh can do."""

    def proxy(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> tuple[Process, list[File]] | None:
        """Return the proxy of one host with these outgoing links; None if it needs no proxy."""

    def wiring(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> dict[str, str]:
        """Return the environment variables with the upstream addresses for the app of a replica."""
