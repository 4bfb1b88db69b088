"""Meshes under test: the part between a calling app and its links, and the evidence that it records.

A mesh is a folder `testbed/mesh/NAME` with its class as `MESH` in the module `config`, and a line in
`testbed/spec/meshes.py`. It is complete when tests/e2e/mesh/test_contract.py passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from testbed.errors import TopologyError, nearest
from testbed.evidence.sampler import Monitor
from testbed.evidence.source import Log
from testbed.plan.ports import MeshPorts
from testbed.plan.values import Link, ProxyHost
from testbed.spec.meshes import MESHES

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


class Mesh(MeshPorts, Protocol):
    """One kind of mesh. Pure except `drift` and `explain_rejection`: links and policies in, texts and values out."""

    @property
    def monitor(self) -> Monitor | None:
        """Reads the statistics of its proxies; None if there is no proxy."""

    def log(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> Log | None:
        """Return the log of attempts and calls of the replicas of this host; None if they make no calls."""

    def drift(self, admin: str, expected: str) -> str:
        """Return the difference between the proxy at this admin address and the expected configuration; "" if none.

        Raises `TestbedError` if it does not answer.
        """

    def explain_rejection(self, config: str) -> str:
        """Return the error of the proxy for a configuration, "" if it is valid."""


def mesh_named(name: str) -> Mesh:
    """Return a mesh by its name in topologies. Raises `TopologyError` with the nearest name."""
    if name not in MESHES:
        raise TopologyError(f"there is no mesh {name!r}{nearest(name, MESHES)}")
    mesh: Mesh = import_module(f"testbed.mesh.{name}.config").MESH()
    return mesh
