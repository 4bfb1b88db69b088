"""Meshes under test: what stands between a calling app and its links, and what evidence it gives."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from testbed.errors import TopologyError, nearest
from testbed.evidence.source import Log
from testbed.plan.values import File, Link, Process, Replica, Seat

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

ATTEMPTS, CALLS = "attempts", "calls"  # what a mesh may be able to show

MESHES = {"envoy": "testbed.mesh.envoy.config:EnvoyMesh", "none": "testbed.mesh.none.config:NoMesh"}


class Mesh(Protocol):
    """One kind of mesh. Everything here is pure: links and policies in, text and values out."""

    @property
    def name(self) -> str:
        """The name that topologies use."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The evidence that it gives: "attempts", "calls"."""

    def proxy(self, topology: Topology, seat: Seat, links: Sequence[Link]) -> tuple[Process, list[File]] | None:
        """Return the proxy of one seat, whose outgoing links these are; None where it needs none."""

    def log(self, topology: Topology, seat: Seat, links: Sequence[Link]) -> Log | None:
        """Return where the attempts and calls of this seat's replicas are recorded; None where they make none."""

    def wiring(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> dict[str, str]:
        """Return what the replica's app is told about its upstreams, as environment variables."""


def mesh_named(name: str) -> Mesh:
    """Return a mesh by the name that topologies use. Raises `TopologyError` with the nearest name there is."""
    if name not in MESHES:
        raise TopologyError(f"there is no mesh {name!r}{nearest(name, MESHES)}")
    module, _, kind = MESHES[name].partition(":")
    mesh: Mesh = getattr(import_module(module), kind)()
    return mesh


def upstreams(links: Sequence[Link]) -> dict[str, list[Link]]:
    """Return the links by the service that they lead to, in the order in which the services first appear."""
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(callee_service(link), []).append(link)
    return found


def callee_service(link: Link) -> str:
    """Return the service that a link leads to."""
    return link.edge.partition(" -> ")[2]


def variable(service: str) -> str:
    """Return a service's name as it begins an environment variable: "list-price" becomes "LIST_PRICE"."""
    return service.upper().replace("-", "_")


def address_variables(service: str, address: str) -> dict[str, str]:
    """Return `<SERVICE>_URL` and `<SERVICE>_ADDR` for an "ip:port"."""
    return {f"{variable(service)}_URL": f"http://{address}", f"{variable(service)}_ADDR": address}
