"""Every log of a run: the inlet's, and the mesh's for each proxy, or app without one, whose calls it records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from testbed.evidence.source import Log
from testbed.injection.inlet import log as inlet
from testbed.injection.inlet.inlet import LOG
from testbed.mesh import mesh_named
from testbed.plan.values import AddressMap, Link, ProxyHost, as_planned, links_from
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


class Recorded(Protocol):
    """What is needed of a plan."""

    @property
    def topology(self) -> Topology:
        """What runs."""

    @property
    def proxy_hosts(self) -> Sequence[ProxyHost]:
        """Where proxies may run."""

    @property
    def links(self) -> Sequence[Link]:
        """Every link."""

    @property
    def inlet_admin(self) -> str:
        """Where the inlet tells its counters."""

    @property
    def inlet_control(self) -> str:
        """Where the inlet takes its rules."""


def logs(plan: Recorded, reach: AddressMap = as_planned) -> Iterator[Log]:
    """Yield every log of a run, with the `admin` that we reach."""
    for log in _logs(plan):
        yield replace(log, admin=reach(log.admin)) if log.admin else log


def _logs(plan: Recorded) -> Iterator[Log]:
    inlets = [link for link in plan.links if link.inlet]
    parse = partial(inlet.parse, links=inlets, control=plan.inlet_control)
    yield Log("inlet", LOG, lambda life: parse, inlets, plan.inlet_admin, inlet.counts)
    mesh = mesh_named(plan.topology.mesh)
    for host in plan.proxy_hosts:
        log = mesh.log(plan.topology, host, links_from(host, plan.links))
        if log is not None:
            yield log


def unseen(plan: Recorded, recorded: Iterable[Log]) -> tuple[str, ...]:
    """Return the edges on which nobody records what is sent: their callers have no proxy, and are none of the stubs."""
    seen = {link.edge for log in recorded if log.tells("attempts") for link in log.links}
    sent = {link.edge for link in plan.links if link.caller != CLIENT}
    return tuple(sorted(sent - seen)) if capabilities(plan.topology.mesh).sources else ()
