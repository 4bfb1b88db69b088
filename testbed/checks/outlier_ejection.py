"""Outlier ejection: a failing replica gets no more attempts, and gets attempts again after it has recovered."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from testbed.checks.judging import validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.ejections import ENOUGH, Host, one_by_one, reason, stays_away
from testbed.checks.judging.findings import Finding, combine
from testbed.checks.judging.formatting import plural, seconds
from testbed.checks.judging.proxies import failed, faults_on, proxies
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError, nearest
from testbed.history.events import FaultEvent
from testbed.history.facts import of_the_load
from testbed.history.index import Index
from testbed.spec.edges import Edge, normal_edge


@dataclass(frozen=True)
class outlier_ejection(Check):
    """The proxy of every caller stops sending to a failing replica, and sends to it again after the fault.

    Name the edge, the replica, or both. Without `replica`, the replicas with a fault are judged; without `edge`, every
    edge to the replica. Later than `within_s` after the start of the fault, the replica gets at most `probes` (default
    0) attempts: Envoy lets an ejected host come back after its ejection time and tries it again. `probes_each` bounds
    the attempts of each return instead of their sum: Envoy counts errors anew after each ejection, so a replica that
    comes back may get as many attempts as before the first one. After the end of the fault it gets an attempt within
    `back_within_s`. Each caller's proxy counts and is judged separately. On a tcp edge an attempt is a new connection;
    existing connections may stay open.
    """

    edge: str = ""
    replica: str = field(default="", kw_only=True)
    within_s: float | None = field(default=None, kw_only=True)
    back_within_s: float | None = field(default=None, kw_only=True)
    probes: int = field(default=0, kw_only=True)
    probes_each: int | None = field(default=None, kw_only=True)

    takes_part: ClassVar[bool] = False
    takes_tcp: ClassVar[bool] = True
    slack: ClassVar[tuple[str, ...]] = ("within_s", "back_within_s")

    def normalize(self) -> None:
        """Write the edge with single spaces."""
        object.__setattr__(self, "edge", normal_edge(self.edge) if self.edge else "")

    def validate(self) -> None:
        """Raise `CheckError` without an edge or replica, without a bound, or for an impossible bound."""
        if not self.edge and not self.replica:
            raise CheckError('outlier_ejection() needs an edge ("checkout -> pricing"), a replica="pricing-1", or both')
        given = {"within_s": self.within_s, "back_within_s": self.back_within_s}
        known = {key: value for key, value in given.items() if value is not None}
        if not known:
            raise CheckError(f"{self}: give within_s=, back_within_s= or both; there is no bound")
        validation.positive(str(self), **known)
        validation.whole(str(self), probes=self.probes, probes_each=self.probes_each or 0)
        if self.probes and self.probes_each is not None:
            raise CheckError(f"{self}: give probes= (all together) or probes_each= (for each return), not both")

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge or replica, or a replica that is not on the edge."""
        if self.edge and self.edge not in index.edges:
            raise CheckError(f"{self}: there is no edge {self.edge!r}{nearest(self.edge, index.edges)}")
        if of_the_load(self.edge):
            raise CheckError(f"{self}: no proxy stands between the load and its entry; name an edge between services")
        known = [name for edge in ([self.edge] if self.edge else _inner(index)) for name in _hosts(index, edge)]
        if self.replica and self.replica not in known:
            raise CheckError(f"{self}: there is no replica {self.replica!r} there{nearest(self.replica, known)}")

    @property
    def bound(self) -> str:
        """The bounds in words."""
        gone = f"ejected within {seconds(self.within_s or 0)}"
        gone += f" except {plural(self.probes, 'attempt')}" if self.probes else ""
        gone += "" if self.probes_each is None else f" except {plural(self.probes_each, 'attempt')} for each return"
        said = {gone: self.within_s, f"back within {seconds(self.back_within_s or 0)}": self.back_within_s}
        return ", ".join(text for text, given in said.items() if given is not None)

    @property
    def reaction(self) -> bool:
        """Always: a replica is ejected because of a fault."""
        return True

    def on_edge(self) -> str:
        """Return the edge, "" for all edges to the replica."""
        return self.edge

    def topic(self) -> Hashable:
        """Return edge and replica."""
        return (self.name, self.edge, self.replica)

    def needs(self, view: View) -> tuple[str, ...]:
        """Return attempts."""
        return ("requests", "attempts")

    def judge(self, view: View) -> Verdict:
        """Judge the proxy of every caller on every edge."""
        edges, source = self._edges(view.index), observer_of(view.index, "attempts")
        faults = faults_on(view, edges)
        hit = [(edge, name) for edge in edges for name in self._replicas(view.index, edge, faults)]
        if not hit:
            why = f"no fault of {view.window.name} is on {self.replica or self.edge}, so no replica could be ejected"
            return self.verdict(view, "inconclusive", "", 0, source=source, why=why, next="outage(..., replicas=1)")
        start, end = min(fault.start for fault in faults), max(fault.end for fault in faults)
        findings: list[Finding] = []
        n = 0
        for edge, name in hit:
            hosts = len(_hosts(view.index, edge))
            for proxy in proxies(view.index, edge):
                n += sum(1 for attempt in proxy.sent if start <= attempt.start < end)
                findings += self._findings(view, edge, Host(proxy, name, hosts, start, end))
        if not findings:
            why = f"no calls on {', '.join(edges)} (at least 1 needed)"
            return self.verdict(
                view, "inconclusive", "no attempt", 0, source=source, why=why, next="the paths of the load"
            )
        return combine(self, view, findings, n, source)

    def unbreakable(self, view: View) -> str:
        """Return why a replica may get more probes than a proxy made attempts after the deadline, at any replica."""
        edges = self._edges(view.index)
        faults = faults_on(view, edges)
        if self.within_s is None or not self.probes or not faults:
            return ""
        since, end = min(fault.start for fault in faults) + self.within_s, max(fault.end for fault in faults)
        made = [sum(since < one.start < end for one in p.sent) for e in edges for p in proxies(view.index, e)]
        most = max(made, default=0)
        return (
            "" if self.probes < most else f"probes={self.probes}, and no proxy made more than {plural(most, 'attempt')}"
        )

    def _edges(self, index: Index) -> list[str]:
        if self.edge:
            return [self.edge]
        return [edge for edge in _inner(index) if self.replica in _hosts(index, edge)]

    def _replicas(self, index: Index, edge: str, faults: Sequence[FaultEvent]) -> list[str]:
        hit = {link.partition("--")[2] for fault in faults for link in fault.links}
        chosen = [name for name in _hosts(index, edge) if name in hit]
        return [name for name in chosen if name == self.replica] if self.replica else chosen

    def _findings(self, view: View, edge: str, host: Host) -> Iterator[Finding]:
        if self.within_s is not None:
            yield self._sent_after(view, edge, host, self.within_s)
        if self.back_within_s is not None:
            yield self._back(view, edge, host, self.back_within_s)

    def _too_many(self, host: Host, late: int, limit: float) -> bool:
        """Whether more attempts came after the deadline than allowed: all together, or before one ejection."""
        if self.probes_each is None:
            return late > self.probes
        return max(host.series(host.start + limit)) > self.probes_each

    def _sent_after(self, view: View, edge: str, host: Host, limit: float) -> Finding:
        who, during = f"{host.proxy.name} to {host.name}", host.during
        last = f"last after {seconds(during[-1].start - host.start)}" if during else "last at the start of the fault"
        late = [attempt for attempt in during if attempt.start > host.start + limit]
        observed = f"{who}: {plural(len(late), 'attempt')} later than {seconds(limit)}, {last}"
        observed += f" ({one_by_one(host)})" if late and host.ejections else ""
        if not during and not host.failed_before_start:
            why = f"{who}: no attempt while the fault was in force, so the proxy could not detect it"
            return Finding("inconclusive", f"{who}: no attempt", why, "more load, or an earlier ejection")
        if self._too_many(host, len(late), limit):
            why = f"{who}: {plural(len(late), 'attempt')} later than {seconds(limit)} after the fault began"
            why += f"; {account}" if (account := host.proxy.account(host.start, host.end)) else ""
            cause, hint = reason(view, edge, host)
            why += f"; {cause}" if cause else ""
            return Finding("violated", observed, why, hint, timed=len(late) < len(during))
        if (seen := host.others(host.start + limit, host.end)) < ENOUGH * host.hosts:
            return self._too_few(observed, host, seen, "hold_s")
        if not host.failed_before_start and not any(map(failed, during)):
            why = f"{who}: none of the {plural(len(during), 'attempt')} failed, so the proxy had no reason to eject it"
            return Finding("inconclusive", observed, why, "a fault that the callers see as failures")
        return Finding("held", observed)

    def _back(self, view: View, edge: str, host: Host, limit: float) -> Finding:
        who, after = f"{host.proxy.name} to {host.name}", host.between(host.end, float("inf"))
        first = min((attempt.start - host.end for attempt in after), default=None)
        observed = f"{who}: {'not back' if first is None else f'back after {seconds(first)}'}"
        if first is not None and first <= limit:
            return Finding("held", observed)
        if first is None and (seen := host.others(host.end + limit, float("inf"))) < ENOUGH * host.hosts:
            return self._too_few(observed, host, seen, "recover_s")
        why = f"{who}: no attempt within {seconds(limit)} after healing"
        return Finding("violated", observed, why, stays_away(view, edge, host), timed=True)

    def _too_few(self, observed: str, host: Host, seen: int, longer: str) -> Finding:
        why = f"{host.proxy.name} made only {plural(seen, 'attempt')} after the deadline "
        why += f"({ENOUGH * host.hosts} needed for {plural(host.hosts, 'host')})"
        return Finding("inconclusive", observed, why, f"a longer {longer}=, or more load")


def _inner(index: Index) -> Sequence[str]:
    """Return the edges between services."""
    return [edge for edge in index.edges if not of_the_load(edge)]


def _hosts(index: Index, edge: str) -> Sequence[str]:
    """Return the replicas of an edge's callee; without a recorded topology, the replicas in the record."""
    known = index.facts.replicas.get(Edge.parse(edge).callee, ())
    seen = dict.fromkeys(attempt.callee for attempt in index.attempts.on(edge) if attempt.callee)
    return known or tuple(seen)
