"""Several ways to do one thing, measured in turns, so that a busy moment meets all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks._table import took

ROUNDS, WARMING = 600, 50


def in_turns(ways: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return how many milliseconds each way took in each round; the first rounds warm everything up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + WARMING):
        for name, act in ways.items():
            ms = took(act)
            if turn >= WARMING:
                taken[name].append(ms)
    return taken


def added(times: Sequence[float], direct: Sequence[float]) -> float:
    """Return what one way adds to another: the median of the differences within each round."""
    return median(with_it - without for with_it, without in zip(times, direct, strict=True))


def ratio(times: Sequence[float], direct: Sequence[float]) -> float:
    """Return how many times as much one way has as another: the median of the ratios within each round."""
    return median(with_it / without for with_it, without in zip(times, direct, strict=True))
