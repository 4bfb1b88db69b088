"""Meshes under test: what stands between a calling app and its links, and what evidence it gives.

A mesh is the folder `testbed/mesh/NAME`, whose `config` module has its class as `MESH`, and a line in
`testbed/spec/meshes.py`. tests/e2e/mesh/test_contract.py says when it is done.
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
    """One kind of mesh. Pure, but for `drift` and `explain_rejection`: links and policies in, text and values out."""

    @property
    def monitor(self) -> Monitor | None:
        """Reads the statistics of its proxies; None where there is no proxy."""

    def log(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> Log | None:
        """Return where the attempts and calls of this host's replicas are recorded; None where they make none."""

    def drift(self, admin: str, expected: str) -> str:
        """Return where the proxy at this admin address does not run the expected configuration; "" if it does.

        Raises `TestbedError` if it does not answer.
        """

    def explain_rejection(self, config: str) -> str:
        """Return why its proxy refuses a configuration, in the proxy's own words; "" if it takes it."""


def mesh_named(name: str) -> Mesh:
    """Return a mesh by the name that topologies use. Raises `TopologyError` with the nearest name there is."""
    if name not in MESHES:
        raise TopologyError(f"there is no mesh {name!r}{nearest(name, MESHES)}")
    mesh: Mesh = import_module(f"testbed.mesh.{name}.config").MESH()
    return mesh
