"""Moments at regular intervals, also where only some of them are known to be of one series."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

REGULAR, FEWEST = 0.25, 4  # how far an interval may be from the usual one; how many moments make a rhythm
NEAR = 0.15  # of the interval: how far a moment may be from the place that is expected
MOST = 0.8  # of the intervals: so many are regular
MOST_KNOWN = 0.6  # the same, where an app that starts, or another call, may be among the known moments
SEEN = 0.6  # of the moments that are expected at times where they can be told: so many are there


def is_regular(times: Sequence[float]) -> bool:
    """Whether these moments have a rhythm: nearly all intervals are like the median one."""
    gaps = _gaps(times)
    if len(gaps) < FEWEST - 1 or not (usual := median(gaps)):
        return False
    return sum(1 for gap in gaps if math.isclose(gap, usual, rel_tol=REGULAR)) >= MOST * len(gaps)


def interval_of(known: Sequence[float], seen_s: float) -> float:
    """Return the interval of a series of which only some moments are known, 0 if they have none.

    `seen_s` is the time in which a moment of the series would be known: too few known ones are no series.
    """
    gaps = _gaps(known)
    if len(gaps) < FEWEST:
        return 0.0
    tried = sorted({gap / n for gap in gaps for n in (1, 2, 3)})
    fitting = (found for gap in tried if gap and (found := _fit(gaps, gap)))
    return next((found for found in fitting if len(known) >= SEEN * seen_s / found), 0.0)


def in_step(known: Sequence[float], times: Sequence[float], interval: float) -> set[float]:
    """Return those of the moments that continue the known ones at this interval."""
    times = sorted(times)
    found = (_nearest(times, at, NEAR * interval) for at in _places(sorted(known), interval, times[0], times[-1]))
    return {at for at in found if at is not None}


def _gaps(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(sorted(times))]


def _fit(gaps: Sequence[float], interval: float) -> float:
    """Return the interval that fits best near this one, 0 if the gaps are no multiples of it, or of a longer one."""
    steps = [(gap, n) for gap in gaps if (n := round(gap / interval))]
    even = [(gap, n) for gap, n in steps if abs(gap - n * interval) <= NEAR * interval]
    longer = any(sum(n % times == 0 for _, n in even) >= MOST * len(even) for times in (2, 3))
    fits = len(even) >= MOST_KNOWN * len(gaps) and not longer
    return sum(gap for gap, _ in even) / sum(n for _, n in even) if fits else 0.0


def _places(known: Sequence[float], interval: float, first: float, last: float) -> Iterator[float]:
    """Yield where the other moments of the series are expected, from the first to the last moment."""
    for earlier, later in pairwise(known):
        steps = max(1, round((later - earlier) / interval))
        yield from (earlier + (later - earlier) * n / steps for n in range(1, steps))
    yield from (known[0] - interval * n for n in range(1, int((known[0] - first) / interval + NEAR) + 1))
    yield from (known[-1] + interval * n for n in range(1, int((last - known[-1]) / interval + NEAR) + 1))


def _nearest(times: Sequence[float], at: float, most: float) -> float | None:
    number = bisect_left(times, at)
    close = [one for one in times[max(0, number - 1) : number + 1] if abs(one - at) <= most]
    return min(close, key=lambda one: abs(one - at), default=None)
