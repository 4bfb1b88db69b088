"""The callers' proxies of one edge: what each of them sent, refused and counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from testbed.checks.judging.formatting import count
from testbed.checks.judging.view import View
from testbed.history.counters import DETECTED, EJECTED, EJECTIONS, HOSTS_EJECTED, IN_PANIC, NOT_ALLOWED
from testbed.history.events import Attempt, Call, FaultEvent, Sample
from testbed.history.facts import facts_of
from testbed.history.index import Index
from testbed.history.outcomes import BROKEN_OFF, CONNECT_FAILED
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities

LAG_S = 1.0  # Envoy counts an ejection up to this long before it acts on it (update_merge_window)


@dataclass(frozen=True)
class Proxy:
    """One proxy on one edge: a sidecar's for one replica, or a node's for several."""

    name: str  # the replicas that send their calls through it
    calls: Sequence[Call]
    attempts: Sequence[Attempt]
    samples: Sequence[Sample]

    @cached_property
    def sent(self) -> Sequence[Attempt]:
        """The attempts that it sent, in order."""
        return sorted(self.attempts, key=lambda one: one.start)

    @cached_property
    def refusals(self) -> Sequence[tuple[float, str]]:
        """The times at which it refused calls without an attempt, with the outcomes."""
        return sorted((c.start + c.duration_ms / 1000, c.outcome) for c in self.calls if c.refused)

    def hosts_ejected(self) -> Iterator[tuple[float, bool]]:
        """Yield for each sample whether all hosts were ejected, according to the counters of the proxy."""
        for sample in self.samples:
            hosts = sum(1 for key in sample.values if key.startswith(EJECTED))
            yield sample.at, 0 < hosts <= sample.values.get(HOSTS_EJECTED, 0.0)

    def series(self, opened: float, end: float) -> Iterator[tuple[int, bool]]:
        """Yield each series of attempts after the opening: its length, and whether hosts had come back before it."""
        moments = [(at, False) for at, _ in self.refusals if opened <= at < end]
        moments += [(attempt.start, True) for attempt in self.sent if opened < attempt.start < end]
        since = opened
        for sent, row in groupby(sorted(moments), key=lambda moment: moment[1]):
            times = [at for at, _ in row]
            if sent:
                yield len(times), self._came_back(since - LAG_S, times[-1])
            else:
                since = times[0]

    def _came_back(self, start: float, end: float) -> bool:
        """Whether the counters show that all hosts were ejected and that one came back."""
        states = pairwise(self.hosts_ejected())
        return any(before and not after and start <= at <= end for (_, before), (at, after) in states)

    def increase(self, counter: str, start: float, end: float) -> int:
        """Return the increase of a counter, at least; a restarted proxy counts from zero."""
        before = [one for one in self.samples if one.at <= start][-1:]
        between = [one for one in self.samples if start < one.at < end]
        after = [one for one in self.samples if one.at >= end][:1]
        chosen = [*before, *between, *after]
        rises = (
            new.values.get(counter, 0.0) - (old.values.get(counter, 0.0) if new.life == old.life else 0.0)
            for old, new in pairwise(chosen)
        )
        return round(sum(rises))

    def account(self, start: float, end: float) -> str:
        """Return its counters of ejections in words, "" if it has no outlier detection."""
        if not any(HOSTS_EJECTED in sample.values for sample in self.samples):
            return ""
        said = {
            "detected": self.increase(DETECTED, start, end),
            "ejected": self.increase(EJECTIONS, start, end),
            "not allowed by maxEjectionPercent": self.increase(NOT_ALLOWED, start, end),
            "sent to ejected hosts in panic (minHealthPercent)": self.increase(IN_PANIC, start, end),
        }
        return f"counters of the proxy: {', '.join(f'{count(number)} {what}' for what, number in said.items())}"


def proxies(index: Index, edge: str) -> list[Proxy]:
    """Return every proxy that took calls on an edge."""
    samples = [sample for sample in index.samples if sample.edge == edge]
    shared = {caller: sample.callers for sample in samples for caller in sample.callers}
    callers = dict.fromkeys([*(c.caller for c in index.calls.on(edge)), *(a.caller for a in index.attempts.on(edge))])
    groups = dict.fromkeys(shared.get(caller, (caller,)) for caller in callers if caller != CLIENT)
    return [
        Proxy(
            name=", ".join(group),
            calls=[call for call in index.calls.on(edge) if call.caller in group],
            attempts=[attempt for attempt in index.attempts.on(edge) if attempt.caller in group],
            samples=sorted((s for s in samples if s.callers == group), key=lambda sample: sample.at),
        )
        for group in groups
    ]


def can_refuse(index: Index, edge: str) -> bool:
    """Whether a proxy on the edge could refuse a call: by a policy at some time of the run, or because one did."""
    enforced = index.run is None or capabilities(index.run.mesh).enforces_policies
    in_force = map(facts_of, index.topologies(-math.inf, math.inf))
    return any(call.refused for call in index.calls.on(edge)) or (
        enforced and any(edge in facts.refusing for facts in in_force)
    )


def faults_on(view: View, edges: Sequence[str]) -> tuple[FaultEvent, ...]:
    """Return the faults of a view that hit one of these edges."""
    return tuple(fault for fault in view.faults if set(edges) & set(fault.edges))


def failed(attempt: Attempt) -> bool:
    """Whether outlier detection counts this attempt as a failure."""
    if attempt.source == "connection":  # it has no status: only a failed connect counts
        return attempt.outcome == CONNECT_FAILED
    return attempt.status == 0 or attempt.as_http >= 500 or attempt.outcome == BROKEN_OFF
