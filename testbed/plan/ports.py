"""What a plan needs of the rooms above it: a mesh, and the testbed's own processes between caller and callee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from testbed.plan.values import File, Link, Process, ProxyHost, Replica
from testbed.spec.meshes import Capabilities

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

Part = tuple[list[Process], list[File]]
"""Processes, and the files that they read."""


class MeshPorts(Protocol):
    """The part of `testbed.mesh.Mesh` that decides what runs. Pure: links and policies in, text and values out."""

    @property
    def name(self) -> str:
        """The name that topologies use."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def proxy(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> tuple[Process, list[File]] | None:
        """Return the proxy of one host, whose outgoing links these are; None where it needs none."""

    def wiring(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> dict[str, str]:
        """Return what the replica's app is told about its upstreams, as environment variables."""
