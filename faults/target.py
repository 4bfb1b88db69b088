"""Where a fault acts: its target, and the links, replicas and processes of this target in a running mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from testbed.errors import FaultError, nearest
from testbed.faults.operations import ProcessAction
from testbed.plan.values import Link, ProxyHost, Replica, links_from


@dataclass(frozen=True)
class FaultContext:
    """The facts about the running mesh that a fault may use."""

    links: Sequence[Link]  # every link, including the links from the load into the entry
    replicas: Sequence[Replica]
    users: Mapping[str, str]  # the user ids of the load that runs, each with its cohort ("" for none)
    seed: int  # of this run
    proxies: Sequence[ProxyHost] = ()  # where a mesh proxy runs


@dataclass(frozen=True)
class Target:
    """Where a fault acts: an edge, a service, a replica or a proxy; edge and replica can be combined."""

    edge: str | None = None
    service: str | None = None
    replica: str | None = None
    proxy: str | None = None

    def __str__(self) -> str:
        """Return the target as written: `'checkout -> pricing'` or `replica='pricing-1'`."""
        words = [repr(self.edge)] if self.edge else []
        words += [f"{key}={value!r}" for key in ("service", "replica", "proxy") if (value := getattr(self, key))]
        return ", ".join(words)


def links_of(target: Target, context: FaultContext, who: object) -> tuple[Link, ...]:
    """The links that a target names; `FaultError` with the nearest valid name if there are none.

    `who` is the name of the fault in the error.
    """
    if target.proxy:
        return links_from(_proxy(target, context, who), context.links)
    if target == Target():
        raise FaultError(f"{who} has no target: add .on('caller -> callee'), .on(service=...) or .on(replica=...)")
    _known(who, "edge", target.edge, {link.edge for link in context.links})
    _known(who, "service", target.service, {r.service for r in context.replicas})
    _known(who, "replica", target.replica, {r.name for r in context.replicas})
    services = {r.name: r.service for r in context.replicas}
    found = tuple(
        link
        for link in context.links
        if target.edge in (None, link.edge)
        and target.replica in (None, link.callee)
        and target.service in (None, services[link.callee])
    )
    if not found and target.edge is None:
        raise FaultError(f"{who}: no service of the topology calls {target.service or target.replica}")
    if not found:
        raise FaultError(f"{who}: replica {target.replica!r} is not a callee on {target.edge}")
    return found


def links_into(target: Target, context: FaultContext, who: object) -> tuple[Link, ...]:
    """The links that a process fault's target names; () for a process that no service of the topology calls."""
    names = {replica.name for replica in _named(target, context)}
    if names and target.edge is None and not any(link.callee in names for link in context.links):
        return ()
    return links_of(target, context, who)


def links_from_replicas(target: Target, context: FaultContext) -> tuple[Link, ...]:
    """The links on which the replicas that a target names are the callers."""
    names = {replica.name for replica in _named(target, context)}
    return tuple(link for link in context.links if names.intersection(link.callers))


def _named(target: Target, context: FaultContext) -> tuple[Replica, ...]:
    """The replicas with the service or the name of a target."""
    return tuple(r for r in context.replicas if target.service == r.service or target.replica == r.name)


def replicas_of(target: Target, context: FaultContext, who: object) -> tuple[Replica, ...]:
    """The replicas that a process fault's target names."""
    if target.edge:
        raise FaultError(f"{who}: a process fault takes .on(replica=...) or .on(service=...), not an edge")
    names = {link.callee for link in links_into(target, context, who)}
    found = tuple(r for r in context.replicas if r.name in names) or _named(target, context)
    if there := next((r for r in found if r.external), None):
        why = f"{there.service} is an external service at {there.app}, so the testbed cannot act on its process"
        raise FaultError(
            f"{who}: {why}. Use a fault on an edge into it, such as outage({there.service!r}, kind='refused')"
        )
    return found


def process_actions(
    target: Target, context: FaultContext, who: object, action: Literal["kill", "pause"]
) -> tuple[ProcessAction, ...]:
    """One action for each process that a process fault's target names: of the app, or of a mesh proxy."""
    if target.proxy:
        return (ProcessAction(_proxy(target, context, who).name, action, "proxy"),)
    return tuple(ProcessAction(replica.name, action) for replica in replicas_of(target, context, who))


def _proxy(target: Target, context: FaultContext, who: object) -> ProxyHost:
    """The mesh proxy that a fault's target names."""
    name = target.proxy
    if found := next((host for host in context.proxies if host.name == name), None):
        return found
    known = [host.name for host in context.proxies]
    shared = next((host.name for host in context.proxies if name in {r.name for r in host.replicas}), "")
    hint = f": the calls of {name} go through {shared}" if shared else nearest(str(name), known)
    if not known:
        hint = ": this mesh has none. Use .on(replica=...), which acts on the app"
    raise FaultError(f"{who}: there is no proxy {name!r}{hint}")


def _known(who: object, what: str, name: str | None, valid: set[str]) -> None:
    if name is not None and name not in valid:
        raise FaultError(f"{who}: there is no {what} {name!r}{nearest(name, valid)}")
