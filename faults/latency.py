"""Latency: everything on a link takes longer, as between two distant sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from faults.base import LinkFault, Site, links_of, not_negative, positive
from testbed.edge.operations import Operation, Stream, Toxic
from testbed.errors import FaultError

Direction = Literal["answers", "requests"]
STREAMS: dict[str, Stream] = {"answers": "downstream", "requests": "upstream"}


@dataclass(frozen=True, kw_only=True)
class latency(LinkFault):
    """Add `ms` to every answer on a link (one way; a round trip grows by `ms`).

    `jitter_ms` spreads it evenly over [ms - jitter_ms, ms + jitter_ms]. Opening a connection is not slower: Toxiproxy
    accepts on its own side of the distance. Data keeps its order. Whole milliseconds, at most an hour.
    """

    twin: ClassVar[str] = "delay(ms=...)"

    ms: float
    jitter_ms: float = 0
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` for a negative time, a jitter above `ms` or an unknown direction."""
        positive(self, ms=self.ms)
        not_negative(self, jitter_ms=self.jitter_ms)
        if self.jitter_ms > self.ms:
            raise FaultError(f"{self}: jitter_ms must not be above ms, or time would run backwards")
        if max(self.ms, self.jitter_ms) > 3_600_000 or self.ms % 1 or self.jitter_ms % 1:
            raise FaultError(f"{self}: ms and jitter_ms are whole milliseconds, at most an hour")
        if self.direction not in STREAMS:
            raise FaultError(f"{self}: direction is one of {', '.join(STREAMS)}")

    def operations(self, site: Site, fault: str) -> tuple[Operation, ...]:
        """One latency toxic a link."""
        attributes = {"latency": int(self.ms), "jitter": int(self.jitter_ms)}
        stream = STREAMS[self.direction]
        return tuple(Toxic(link.name, "latency", stream, attributes) for link in links_of(self, site))
