"""Whether a fault that limits bytes was too generous for every answer that it met: then it changed nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from testbed.checks.judging.formatting import count
from testbed.history.events import UNKNOWN, Arrival, Attempt, FaultEvent
from testbed.history.exposure import met
from testbed.history.index import Index

LEAST_MS = 1.0  # a rate that takes less for the largest answer cannot be told from no fault
_LIMIT = re.compile(r"\b(limit_data|truncated)\((?:bytes=)?(\d+)\)")
_RATE = re.compile(r"\bbandwidth\((?:kb_per_s=)?(\d+)\)")


def never_reached(index: Index, parts: Sequence[FaultEvent]) -> str:
    """Return why no answer reached the limit of a link fault, "" where one may have, or where sizes are not known.

    An answer that breaks off, or one without a recorded size, may have reached it. Only attempts show what broke off.
    """
    hops = [hop for part in parts if part.plane == "link" for hop in _hops(index, part)]
    sizes = [hop.size for hop in hops if isinstance(hop, Arrival)]
    if not sizes or UNKNOWN in sizes or len(sizes) == len(hops):
        return ""
    if any(hop.outcome or not hop.answered for hop in hops):
        return ""
    return _said(parts[0].text, max(sizes))


def _hops(index: Index, fault: FaultEvent) -> Iterator[Attempt | Arrival]:
    for edge in fault.edges:
        yield from (hop for hop in index.attempts.on(edge) if met(fault, hop))
        yield from (hop for hop in index.arrivals.on(edge) if met(fault, hop))


def _said(text: str, largest: int) -> str:
    """Compare the largest answer with the limit in the text of a fault that counts answers."""
    told = f"the largest answer had {count(largest)} bytes"
    if (limit := _LIMIT.search(text)) and largest < int(limit[2]):
        return f"{told}, the limit is {count(int(limit[2]))}, and no answer broke off"
    if (rate := _RATE.search(text)) and largest < LEAST_MS * int(rate[1]):
        return f"{told}, which take less than {LEAST_MS:g} ms at {count(int(rate[1]))} kB/s"
    return ""
