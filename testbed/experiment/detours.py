"""Where each replica of a plan should connect to, and where it should not: for the watch of connections past links."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote

from testbed.errors import TestbedError
from testbed.evidence.detours import Address, Caller, DetourWatch
from testbed.plan.make import Plan
from testbed.plan.values import Link, Replica
from testbed.plan.wiring import callee_service, variable
from testbed.runtime import Runtime
from testbed.runtime.http import ask
from testbed.runtime.process import family

MADE = re.compile(r"^cluster\.(.+)/app\.upstream_cx_total: (\d+)$", re.MULTILINE)
STATS = f"/stats?filter={quote('/app.upstream_cx_total$')}"


def detour_watch(plan: Plan, runtime: Runtime, *, probed: bool = False) -> DetourWatch:
    """Return the watch of a running plan. With `probed`, the test process itself asks apps, so none are counted."""

    def members(process: str) -> Sequence[int]:
        with suppress(TestbedError):
            return family.descendants(runtime.pid(process))
        return ()

    def made() -> Mapping[Address, int]:
        with suppress(TestbedError):
            _, text = ask(runtime.reach(plan.inlet_admin), STATS, "the inlet does not return its counters")
            return {ours[name]: int(count) for name, count in MADE.findall(text) if name in ours}
        return {}

    ours = {} if probed else {one.name: _parsed(one.app) for one in plan.replicas if one.app and not one.external}
    return DetourWatch(list(callers(plan)), members, made)


def callers(plan: Plan) -> Iterator[Caller]:
    """Yield each replica of a custom service that calls others."""
    custom = {process.replica: process.name for process in plan.processes if process.custom}
    links = {one.name: [link for link in plan.links if one.name in link.callers] for one in plan.replicas}
    told = {one.name: _told(plan, one, links[one.name]) for one in plan.replicas if links[one.name]}
    for name, own in told.items():
        if name in custom:
            yield Caller(name, custom[name], own, _past(plan, links[name], own, told.values()))


def _told(plan: Plan, replica: Replica, links: Sequence[Link]) -> dict[Address, str]:
    """Return the addresses that a replica is told, each with its edge."""
    wiring, edges = plan.mesh.wiring(plan.topology, replica, links), {callee_service(one): one.edge for one in links}
    told = {service: wiring.get(f"{variable(service)}_ADDR", "") for service in edges}
    return {_parsed(address): edges[service] for service, address in told.items() if address} | {
        _parsed(link.listen): link.edge for link in links if not plan.mesh.capabilities.is_proxy
    }


def _past(
    plan: Plan, links: Sequence[Link], own: Mapping[Address, str], told: Collection[Mapping[Address, str]]
) -> dict[Address, str]:
    """Return the other addresses at which the callees are reached.

    They are those of their apps, their inlets and all their links, and what other callers are told: Sentinel tells its
    clients the address at which it watches the primary itself.
    """
    found: dict[Address, str] = {}
    for link in links:
        into = [one for one in plan.links if one.callee == link.callee]
        addresses = {link.app, *(one.inlet for one in into if one.inlet), *(one.listen for one in into)}
        found |= {at: link.edge for at in map(_parsed, addresses) if at not in own}
        edges = {one.edge for one in into}
        found |= {at: link.edge for others in told for at, edge in others.items() if edge in edges and at not in own}
    return found


def _parsed(address: str) -> Address:
    ip, _, port = address.rpartition(":")
    return ip.strip("[]"), int(port)
