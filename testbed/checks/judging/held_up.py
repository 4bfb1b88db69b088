"""Which readings of a probe the testbed itself can have spoiled: those near a time when it was slow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from testbed.checks.judging.doubt import ALMOST, CROWD_MS, SHARE
from testbed.checks.judging.formatting import ms, plural
from testbed.checks.judging.plane import plane_of
from testbed.checks.judging.saturation import SATURATED
from testbed.history.events import ProbeReading
from testbed.history.index import Index

AFTER_S = 0.5  # so long after a stall a value may still show what came all at once


def values_held_up(index: Index, bad: Sequence[ProbeReading]) -> str:
    """Return why none of these values is the system's own for sure, "" if one is: it was read far from any stall."""
    stalls = [plane_of(index).held_up_ms(one.at - AFTER_S, one.end) for one in bad]
    return _said(min(stalls), len(bad)) if stalls and min(stalls) >= CROWD_MS else ""


def moved_while_held_up(index: Index, readings: Sequence[ProbeReading]) -> tuple[float, str]:
    """Return by how much a number changed near stalls of the testbed, and how they can be the reason; "" without any.

    Readings without a number are left out: the change is that between the readings around them.
    """
    numbers = [(one, one.value) for one in readings if one.value is not None]
    near = [
        (value - earlier, stall)
        for (before, earlier), (after, value) in pairwise(numbers)
        if (stall := plane_of(index).held_up_ms(before.at - AFTER_S, after.end)) >= CROWD_MS
    ]
    if not near:
        return 0.0, ""
    return sum(by for by, _ in near), _said(max(stall for _, stall in near), len(near) + 1)


def timed_out_by_us(index: Index, failed: ProbeReading) -> bool:
    """Whether the testbed was slow for half of the time that ran out in a failed reading."""
    limit = index.probes[failed.probe].timeout_ms
    late = bool(limit) and failed.took_ms >= ALMOST * limit
    return late and plane_of(index).held_up_ms(failed.at, failed.end) >= SHARE * limit


def timeouts_held_up(index: Index, failed: Sequence[ProbeReading]) -> str:
    """Return how the testbed can be the reason for these failed readings."""
    return _said(max(plane_of(index).held_up_ms(one.at, one.end) for one in failed), len(failed))


def _said(stall_ms: float, readings: int) -> str:
    near = f"near {plural(readings, 'reading')} it held up what was under way for up to {ms(stall_ms)}"
    return f"{SATURATED}: {near}, which can be the reason"
