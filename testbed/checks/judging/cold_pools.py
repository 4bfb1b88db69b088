"""Calls that a limit refused because the pool of the proxy was cold: it had just started, or had made no call yet.

Envoy opens a connection for each request that finds none free, and counts it as pending until the connection is there.
So a low maxPendingRequests refuses requests of a new pool that a pool with connections would send.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.view import View
from testbed.history.events import Attempt, Call
from testbed.history.facts import facts_of
from testbed.history.index import Index
from testbed.history.outcomes import LIMIT
from testbed.spec.edges import Edge, normal_edge

COLD_S = 1.0  # after the first call of a pool it is no longer cold
_STARTED = ("started", "restarted")
_RESTORED = "restored"  # as in `PolicyEvent.text`


@dataclass(frozen=True)
class _Pool:
    """The connections of one proxy to one callee since its start, with words for the start."""

    first: float  # its first call
    start: str


def cold_pools(view: View) -> Iterator[str]:
    """Yield, for each proxy and edge, how many of the refusals of a limit came while its pool was cold."""
    refused: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in view.index.calls.all:
        if call.refused and call.outcome == LIMIT and call.request in view.ids:
            refused[call.edge, call.caller].append(call)
    for (edge, caller), calls in refused.items():
        pools = list(_pools(view.index, edge, caller))
        met = [(pool, call) for call in calls if (pool := _cold(view.index, pools, call))]
        if met:
            last = max(call.start - pool.first for pool, call in met)
            starts = " and ".join(dict.fromkeys(pool.start for pool, _ in met))
            yield (
                f"{count(len(met))} of {plural(len(calls), 'refusal')} on {edge} came within "
                f"{_rounded(last)} ms of the first call of {starts}: its pool had no connections yet, or few"
            )


def _cold(index: Index, pools: Sequence[_Pool], call: Call) -> _Pool | None:
    """Return the pool of a refused call if it was cold, and a limit that counts connections could refuse it."""
    number = bisect_right([pool.first for pool in pools], call.start)
    pool = pools[number - 1] if number else None
    if pool is None or call.start - pool.first > COLD_S:
        return None
    most = facts_of(index.topologies(call.start, call.start + 1e-6)[0]).pools.get(call.edge, 0.0)
    return pool if _connections(index, pool, call) < most else None


def _connections(index: Index, pool: _Pool, call: Call) -> int:
    """Return how many connections the pool needed so far: the most attempts that were under way at once."""
    made = [
        one
        for one in index.attempts.on(call.edge)
        if one.caller == call.caller and pool.first <= one.start < call.start
    ]
    steps = sorted(step for one in made for step in ((one.start, 1), (_end(one), -1)))
    under_way = most = 0
    for _, step in steps:
        under_way += step
        most = max(most, under_way)
    return most


def _pools(index: Index, edge: str, caller: str) -> Iterator[_Pool]:
    """Yield the pools of a proxy on an edge in order: each start of the proxy, if a call came before the next one."""
    calls = [call.start for call in index.calls.on(edge) if call.caller == caller]
    starts = [(-math.inf, f"{caller}/proxy"), *_starts(index, caller)]
    for (at, words), end in zip(starts, [*(at for at, _ in starts[1:]), math.inf], strict=True):
        if here := [start for start in calls if at <= start < end]:
            yield _Pool(min(here), words)


def _starts(index: Index, caller: str) -> Sequence[tuple[float, str]]:
    proxy = f"{caller}/proxy"
    service = next((name for name, replicas in index.facts.replicas.items() if caller in replicas), "")
    found = [
        (one.at, f"{proxy} after its restart") for one in index.processes if _is_start(one.process, one.event, proxy)
    ]
    changed: set[str] = set()
    for swap in index.swaps:
        if swap.text != _RESTORED:
            changed |= {Edge.parse(normal_edge(edge)).caller for edge in swap.text.split(", ")}
        if service in changed:
            found.append((swap.at, f"{proxy} after its restart (policy change)"))
    return sorted(found)


def _is_start(process: str, event: str, proxy: str) -> bool:
    return process == proxy and event in _STARTED


def _end(attempt: Attempt) -> float:
    return attempt.start + attempt.duration_ms / 1000


def _rounded(lasted: float) -> str:
    """Return a time in milliseconds, rounded up to tens."""
    return count(max(10, math.ceil(lasted * 100) * 10))
