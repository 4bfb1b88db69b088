"""Every log of a run: the log of the inlet, and the logs of the mesh (a proxy, or an app without one)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from testbed.evidence.source import Log
from testbed.injection.inlet import log as inlet
from testbed.injection.inlet.inlet import LOG
from testbed.mesh import mesh_named
from testbed.plan.values import AddressMap, Link, ProxyHost, as_planned, by_caller, links_of
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


class Recorded(Protocol):
    """The needed part of a plan."""

    @property
    def topology(self) -> Topology:
        """The running topology."""

    @property
    def proxy_hosts(self) -> Sequence[ProxyHost]:
        """The hosts for proxies."""

    @property
    def links(self) -> Sequence[Link]:
        """Every link."""

    @property
    def inlet_admin(self) -> str:
        """The address of the inlet's counters."""

    @property
    def inlet_control(self) -> str:
        """The address for the inlet's rules."""


def logs(plan: Recorded, reach: AddressMap = as_planned) -> Iterator[Log]:
    """Yield every log of a run, with an `admin` address for this process."""
    for log in _logs(plan):
        yield replace(log, admin=reach(log.admin)) if log.admin else log


def _logs(plan: Recorded) -> Iterator[Log]:
    inlets = [link for link in plan.links if link.inlet]
    parse = partial(inlet.parse, links=inlets, control=plan.inlet_control)
    yield Log("inlet", LOG, lambda life: parse, inlets, plan.inlet_admin, inlet.counts)
    mesh = mesh_named(plan.topology.mesh)
    outgoing = by_caller(plan.links)
    for host in plan.proxy_hosts:
        log = mesh.log(plan.topology, host, links_of(host, outgoing))
        if log is not None:
            yield log


def unseen(plan: Recorded, recorded: Iterable[Log]) -> tuple[str, ...]:
    """Return the edges without a record of attempts: their callers are custom services without a proxy."""
    seen = {link.edge for log in recorded if log.tells("attempts") for link in log.links}
    sent = {link.edge for link in plan.links if link.caller != CLIENT}
    return tuple(sorted(sent - seen)) if capabilities(plan.topology.mesh).sources else ()
