"""Exact one-sided confidence bounds for shares and quantiles, and the number of requests that a proof needs.

Shares: Clopper and Pearson, Biometrika 26 (1934), by quantiles of the beta distribution. Quantiles: order statistics
with the exact binomial distribution (Conover, Practical Nonparametric Statistics, confidence interval for a quantile).
Both assume independent requests.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

CONFIDENCE = 0.95
ENOUGH_LATER = 20  # requests after the deadline that are needed to see a recovery
MOST = 10**9  # more requests than any load sends


@dataclass(frozen=True)
class Between:
    """A sample quantile in milliseconds, and its confidence bounds."""

    lower: float  # 0 if the sample is too small for a lower bound
    observed: float
    upper: float  # infinite if the sample is too small for an upper bound


def quantile_between(latencies: Iterable[float], q: float, confidence: float = CONFIDENCE) -> Between:
    """Return a sample's q-percent quantile and its one-sided bounds, each at this confidence."""
    times = sorted(latencies)
    upper, lower = (rank(len(times), q / 100, confidence) for rank in (upper_rank, lower_rank))
    return Between(
        lower=times[lower - 1] if lower else 0.0,
        observed=times[math.ceil(round(len(times) * q / 100, 6)) - 1],
        upper=times[upper - 1] if upper else math.inf,
    )


def share_lower(successes: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the share of successes that is proved: the truth is below it in at most 1 - confidence of all runs."""
    from scipy.special import betaincinv

    return float(betaincinv(successes, n - successes + 1, 1 - confidence)) if successes else 0.0


def share_upper(successes: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the share that is not excluded: the truth is above it in at most 1 - confidence of all runs."""
    return 1.0 - share_lower(n - successes, n, confidence)


def enough_requests(failures: int, share: float, confidence: float = CONFIDENCE) -> int:
    """Return the smallest n that proves `share` with this many failures among them: 299 for none and 99 %."""
    return _first(lambda n: share_lower(n - failures, n, confidence) >= share, failures + 1)


def upper_rank(n: int, share: float, confidence: float = CONFIDENCE) -> int | None:
    """Return which of n ordered values (from 1) bounds the quantile from above; None if n is too small.

    The smallest r with P(Binomial(n, share) <= r - 1) >= confidence: 996 for the 99 % quantile of 1,000 values.
    """
    rank = 1 + bisect_left(range(n), confidence, key=lambda k: _binomial(k, n, share))
    return rank if rank <= n else None


def lower_rank(n: int, share: float, confidence: float = CONFIDENCE) -> int | None:
    """Return which of n ordered values (from 1) bounds the quantile from below; None if n is too small.

    The largest s with P(Binomial(n, share) <= s - 1) <= 1 - confidence.
    """
    doubt = 1 - confidence
    rank = bisect_left(range(n), True, key=lambda k: _binomial(k, n, share) > doubt)
    return rank or None


def _binomial(k: int, n: int, share: float) -> float:
    """Return P(Binomial(n, share) <= k)."""
    from scipy.special import bdtr

    return float(bdtr(k, n, share))


def _first(holds: Callable[[int], bool], start: int) -> int:
    """Return the first number from `start` on from which a monotone condition holds."""
    top = start
    while not holds(top) and top < MOST:
        top *= 2
    return start + bisect_left(range(start, top), True, key=holds)
