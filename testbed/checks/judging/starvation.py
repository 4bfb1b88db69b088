"""Whether a service may have waited for a processor: all cores were busy, all was slow, and no fault explains it.

The testbed's own proxies need little CPU time, so the no-op probe can be quick while the services starve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from testbed.checks.judging.plane import plane_of
from testbed.history.events import Arrival, Attempt, Call, FaultEvent
from testbed.history.index import Index, remembered
from testbed.history.outcomes import CLIENT_GONE, TIMEOUT
from testbed.spec.edges import CLIENT

Hop = Attempt | Call | Arrival

LITTLE = 0.25  # of the time that ran out: what takes less did not take it
_MS = re.compile(r"\bms=([\d.]+)")
AROUND_S = 1.0  # the time around a hop in which the others on its edge are compared with it
_SLOWING = {"delay", "latency", "bandwidth", "throttle", "slicer", "slow_close", "slow_start"}
_SLOWING |= {"packet_delay", "packet_loss", "packet_corrupt", "packet_duplicate", "packet_reorder"}
_SLOWING |= {"cpu_limit", "memory_limit", "cpu", "memory", "corrupt", "duplicate", "reorder", "sliced"}


def slows_by_ms(fault: FaultEvent) -> float:
    """Return how long a fault delays what it meets: infinite unless it only slows down."""
    names = {fault.name, *re.findall(r"\b([a-z_]+)\(", fault.text)}
    if not names & _SLOWING:
        return float("inf")
    return max(map(float, _MS.findall(fault.text)), default=0.0)


@dataclass(frozen=True)
class Starvation:
    """Asks of one run what a lack of CPU time can have caused."""

    index: Index

    def timed_out(self, hop: Hop) -> bool:
        """Whether a time that ran out can have been spent in waiting for a processor."""
        ran_out = hop.outcome in (TIMEOUT, CLIENT_GONE) or not (hop.outcome or hop.answered)
        return ran_out and self.slowed(hop, hop.duration_ms)

    def slowed(self, hop: Hop, lasted_ms: float) -> bool:
        """Whether all on this edge were slow, compared with a time, and only a lack of CPU time explains it."""
        return (
            self._all_busy(hop)
            and not any(self._explains(fault, hop, LITTLE * lasted_ms) for fault in self.index.faults)
            and usual_ms(self.index, hop.edge, int(hop.start)) >= LITTLE * lasted_ms
        )

    def _all_busy(self, hop: Hop) -> bool:
        end = hop.start + hop.duration_ms / 1000
        return any(
            one.start <= hop.start and end <= one.end for one in plane_of(self.index).busy.between(hop.start, end)
        )

    def _explains(self, fault: FaultEvent, hop: Hop, needed_ms: float) -> bool:
        """Whether a fault slows down by so much, on any edge; also after it was healed: requests may have piled up."""
        begun = fault.start - fault.rising_s <= hop.start + hop.duration_ms / 1000
        unknown = not _MS.search(fault.text)
        return fault.injected and begun and (unknown or slows_by_ms(fault) >= needed_ms)


@remembered
def usual_ms(index: Index, edge: str, second: int) -> float:
    """Return how long the quickest quarter on an edge took at least, around a second."""
    start, end = second - AROUND_S, second + 1 + AROUND_S
    took = sorted(ms for at, ms in _times(index, edge) if start <= at < end)
    return took[len(took) // 4] if took else 0.0


def _times(index: Index, edge: str) -> Iterator[tuple[float, float]]:
    if edge == f"{CLIENT} -> {index.facts.entry}":
        return ((one.sent, one.latency_ms - (one.sent - one.intended) * 1000) for one in index.requests)
    hops: list[Hop] = [*index.attempts.on(edge)] or [*index.arrivals.on(edge)] or [*index.calls.on(edge)]
    return ((hop.start, hop.duration_ms) for hop in hops)
