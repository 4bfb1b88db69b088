"""Why a proxy ejected a replica too late, too briefly or not at all: from its attempts, its counters and the policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.checks.judging.formatting import count, plural, seconds
from testbed.checks.judging.proxies import Proxy, failed
from testbed.checks.judging.view import View
from testbed.errors import TestbedError
from testbed.history.counters import EJECTIONS, IN_PANIC, NOT_ALLOWED
from testbed.history.events import Attempt
from testbed.spec.edges import Edge

if TYPE_CHECKING:
    from testbed.spec.policies.policy import OutlierDetection, Policy

ENOUGH = 3  # attempts of the proxy for each host of the edge without one at this host: it was ejected meanwhile


@dataclass(frozen=True)
class Host:
    """One replica as seen by one proxy, in the window of a fault."""

    proxy: Proxy
    name: str
    hosts: int  # replicas on the edge, including this one
    start: float
    end: float

    def between(self, start: float, end: float) -> list[Attempt]:
        """The attempts at this replica."""
        return [one for one in self.proxy.sent if one.callee == self.name and start <= one.start < end]

    @property
    def during(self) -> list[Attempt]:
        """The attempts at this replica while the fault was in force."""
        return self.between(self.start, self.end)

    @property
    def failed_before_start(self) -> bool:
        """Whether the last attempt before the window failed: a window opens only after the fault has been verified."""
        before = self.between(float("-inf"), self.start)
        return bool(before) and failed(before[-1])

    def others(self, start: float, end: float) -> int:
        """The number of attempts that the proxy sent to any replica."""
        return sum(1 for one in self.proxy.sent if start <= one.start < end)

    def series(self, start: float | None = None) -> list[int]:
        """Return how many attempts came before each ejection, and last those after the last ejection (may be 0).

        The replica was ejected between two of its attempts if the proxy says so in a sample between them, or if it
        meanwhile sent three attempts for each of its hosts.
        """
        tried = self.between(self.start if start is None else start, self.end)
        counts = [0]
        for number, one in enumerate(tried):
            counts[-1] += 1
            following = tried[number + 1].start if number + 1 < len(tried) else self.end
            if self._ejected_between(one.start, following):
                counts.append(0)
        return counts

    @property
    def ejections(self) -> int:
        """How often the replica was ejected while the fault was in force."""
        return len(self.series()) - 1

    @property
    def failures_in_a_row(self) -> int:
        """The longest run of failed attempts at this replica while the fault was in force."""
        longest = run = 0
        for attempt in self.during:
            run = run + 1 if failed(attempt) else 0
            longest = max(longest, run)
        return longest

    def increase(self, counter: str) -> int:
        """Return the increase of a counter of the proxy while the fault was in force."""
        return self.proxy.increase(counter, self.start, self.end)

    def _ejected_between(self, start: float, end: float) -> bool:
        told = [(s.at, bool(s.values.get(f"ejected.{self.name}"))) for s in self.proxy.samples]
        already = [on for at, on in told if at <= start][-1:] == [True]  # in panic an ejected host still gets attempts
        elsewhere = sum(1 for one in self.proxy.sent if start < one.start < end and one.callee != self.name)
        noticed = any(on for at, on in told if start < at < end) and not already
        return noticed or elsewhere >= ENOUGH * self.hosts


def policy_on(view: View, edge: str) -> tuple[Policy | None, bool]:
    """Return the policy of an edge, and whether it is known: it is not if it changed, or cannot be read."""
    try:
        return view.topology.policy(edge), True
    except TestbedError:
        return None, False


def one_by_one(host: Host) -> str:
    """Return the ejections in words: `ejected 2 times, after 3, 3 attempts`, "" if there was none."""
    *before, last = host.series()
    if not before:
        return ""
    then = f", then {plural(last, 'attempt')} without another" if last else ""
    each = ", ".join(map(count, before))
    return f"ejected {plural(len(before), 'time')}, after {each} attempts{then}"


def reason(view: View, edge: str, host: Host) -> tuple[str, str]:
    """Return why a replica got attempts after the deadline, and what to look at: only what the evidence shows."""
    policy, known = policy_on(view, edge)
    rule = policy.outlier_detection if policy else None
    if known and rule is None:
        return f"the policy of {edge} has no outlierDetection", f"outlierDetection of {edge}"
    told = next(_reasons(host, rule), ("", f"outlierDetection of {edge}"))
    return "; ".join(filter(None, (one_by_one(host), told[0]))), told[1]


def _reasons(host: Host, rule: OutlierDetection | None) -> Iterator[tuple[str, str]]:
    if panic := host.increase(IN_PANIC):
        healthy = f" {rule.min_health_percent} %" if rule else ""
        why = f"{plural(panic, 'attempt')} went to ejected replicas: fewer than minHealthPercent{healthy} were healthy"
        yield why, "minHealthPercent"
    if host.ejections:
        yield _returned(rule)
    if overflow := host.increase(NOT_ALLOWED):
        yield _over_the_limit(host, rule, overflow)
    if rule and (few := _too_few_in_a_row(host, rule)):
        yield few, "the thresholds of outlierDetection, or more load"
    if host.increase(EJECTIONS):
        yield f"the ejections that the proxy counted were of other replicas than {host.name}", "the fault's replicas"


def _returned(rule: OutlierDetection | None) -> tuple[str, str]:
    if rule is None:
        return "", "baseEjectionTime: a replica that comes back is tried again; probes_each= bounds each trial"
    first = _duration(rule.base_ejection_time)
    why = f"the first ejection lasts {first} (baseEjectionTime), each further one as much longer"
    return why, "baseEjectionTime: a replica that comes back is tried again; probes_each= bounds each trial"


def _over_the_limit(host: Host, rule: OutlierDetection | None, overflow: int) -> tuple[str, str]:
    others = [name for name in _ejected_hosts(host.proxy, host.start, host.end) if name != host.name]
    percent = f" {rule.max_ejection_percent} % of {plural(host.hosts, 'replica')}" if rule else ""
    why = f"{host.name} was not ejected: maxEjectionPercent{percent} forbade {plural(overflow, 'ejection')}"
    return why + (f" while {', '.join(others)} was ejected" if others else ""), "maxEjectionPercent"


def _too_few_in_a_row(host: Host, rule: OutlierDetection) -> str:
    """Return which threshold the failures of a replica did not reach, "" if they reached one."""
    thresholds = {
        "consecutive5xxErrors": rule.consecutive_5xx_errors,
        "consecutiveGatewayErrors": rule.consecutive_gateway_errors or 0,
        "consecutiveLocalOriginFailures": rule.local_origin_failures,
    }
    on = {name: number for name, number in thresholds.items() if number}
    if not on:
        return "all detectors of outlierDetection are off"
    if host.failures_in_a_row >= min(on.values()):
        return ""
    name = min(on, key=lambda one: on[one])
    return f"{host.name} failed at most {plural(host.failures_in_a_row, 'time')} in a row, and {name} is {on[name]}"


def _ejected_hosts(proxy: Proxy, start: float, end: float) -> Sequence[str]:
    inside = [sample.values for sample in proxy.samples if start < sample.at < end]
    names = [key.removeprefix("ejected.") for values in inside for key, on in values.items() if _flag(key) and on]
    return list(dict.fromkeys(names))


def _flag(key: str) -> bool:
    return key.startswith("ejected.")


def stays_away(view: View, edge: str, host: Host) -> str:
    """Return what to look at for a replica that does not come back in time after healing."""
    policy, _ = policy_on(view, edge)
    rule = policy.outlier_detection if policy else None
    if not host.ejections and not host.failed_before_start:
        return f"the load: the record shows no ejection of {host.name}"
    if rule is None:
        return "baseEjectionTime and interval: the ejection time grows each time"
    base, every = _duration(rule.base_ejection_time), _duration(rule.interval)
    return (
        f"ejected {plural(max(host.ejections, 1), 'time')}: the n-th ejection lasts n x {base}, looked at every {every}"
    )


def kept_closed(view: View, edge: str, proxy: Proxy, start: float, end: float) -> str:
    """Return why a breaker did not open although attempts failed: the replicas that failed, and why they stayed."""
    policy, known = policy_on(view, edge)
    if known and policy and not policy.outlier_detection:
        return "circuitBreaker: its limits were not reached"
    names = view.index.facts.replicas.get(Edge.parse(edge).callee, ())
    hosts = [Host(proxy, name, len(names), start, end) for name in names]
    bad = [host for host in hosts if any(map(failed, host.during))]
    if 0 < len(bad) < len(hosts):
        only = ", ".join(host.name for host in bad)
        opens = "the breaker opens when all are ejected: for one replica use outlier_ejection(...)"
        return f"of {plural(len(hosts), 'replica')} only {only} failed, and {opens}"
    whys = dict.fromkeys(why or hint for why, hint in (reason(view, edge, host) for host in bad))
    return "; ".join(whys) or "outlierDetection, circuitBreaker"


def _duration(ms: float) -> str:
    return seconds(ms / 1000)
