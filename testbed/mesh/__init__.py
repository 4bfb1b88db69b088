"""Meshes under test: what stands between a calling app and its links, and what evidence it gives."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from testbed.errors import TopologyError, nearest
from testbed.evidence.sampler import Monitor
from testbed.evidence.source import Log
from testbed.plan.ports import MeshPorts
from testbed.plan.values import Link, ProxyHost

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

ATTEMPTS, CALLS = "attempts", "calls"  # what a mesh may be able to show

MESHES = {"envoy": "testbed.mesh.envoy.config:EnvoyMesh", "none": "testbed.mesh.none.config:NoMesh"}


class Mesh(MeshPorts, Protocol):
    """One kind of mesh. Everything here is pure: links and policies in, text and values out."""

    @property
    def monitor(self) -> Monitor | None:
        """Reads the statistics of its proxies; None where there is no proxy."""

    def log(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> Log | None:
        """Return where the attempts and calls of this host's replicas are recorded; None where they make none."""


def mesh_named(name: str) -> Mesh:
    """Return a mesh by the name that topologies use. Raises `TopologyError` with the nearest name there is."""
    if name not in MESHES:
        raise TopologyError(f"there is no mesh {name!r}{nearest(name, MESHES)}")
    module, _, kind = MESHES[name].partition(":")
    mesh: Mesh = getattr(import_module(module), kind)()
    return mesh
