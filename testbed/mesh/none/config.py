"""No mesh: the app balances its calls over the links. For comparison with a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from testbed.evidence.source import Log
from testbed.mesh.none import log
from testbed.plan.values import File, Link, Process, ProxyHost, Replica
from testbed.plan.wiring import address_variables, upstreams, variable
from testbed.spec.meshes import MESHES

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


def attempt_log(replica: str) -> str:
    """Return the path, below the run's folder, of the log of attempts of an app without a proxy."""
    return f"{replica}-attempts.log"


class NoMesh:
    """Implements `testbed.mesh.Mesh`."""

    name = "none"
    capabilities = MESHES[name]
    monitor = None

    def proxy(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> tuple[Process, list[File]] | None:
        """Return None: there is no proxy."""
        return None

    def log(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> Log | None:
        """Return the log of the app, which has no counters; None for a custom service."""
        stub = not any(topology.services[replica.service].is_own for replica in host.replicas)
        read = partial(log.parse, links=links)
        return Log(f"{host.name}/app", attempt_log(host.name), lambda life: read, links) if links and stub else None

    def wiring(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> dict[str, str]:
        """Return all addresses of each upstream, and the path for the log of attempts."""
        if not links:
            return {}
        found: dict[str, str] = {}
        for service, leading in upstreams(links).items():
            found |= address_variables(service, leading[0].listen)
            found[f"{variable(service)}_URLS"] = ",".join(f"http://{link.listen}" for link in leading)
        if topology.services[replica.service].is_own:
            return found
        return found | {"ATTEMPT_LOG": f"{{dir}}/{attempt_log(replica.name)}"}

    def drift(self, admin: str, expected: str) -> str:
        """Return "": there is no configuration."""
        return ""

    def explain_rejection(self, config: str) -> str:
        """Return "": there is no configuration."""
        return ""


MESH = NoMesh
