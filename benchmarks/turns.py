"""Measures several variants in turns, so that a busy moment affects all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.table import took

ROUNDS, WARMING = 600, 50


def in_turns(ways: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the milliseconds of each variant in each round. The first rounds are a warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + WARMING):
        for name, act in ways.items():
            ms = took(act)
            if turn >= WARMING:
                taken[name].append(ms)
    return taken


def added(times: Sequence[float], direct: Sequence[float]) -> float:
    """Return the overhead of one variant over another: the median of the differences within each round."""
    return median(with_it - without for with_it, without in zip(times, direct, strict=True))


def ratio(times: Sequence[float], direct: Sequence[float]) -> float:
    """Return the ratio of one variant to another: the median of the ratios within each round."""
    return median(with_it / without for with_it, without in zip(times, direct, strict=True))
