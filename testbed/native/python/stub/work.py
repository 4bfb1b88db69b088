"""How long a request's work takes: a hash of seed, request, service and path, so that every run draws the same."""

from __future__ import annotations

MASK = 0xFFFFFFFF


def unit(text: bytes) -> float:
    """Map a text to [0, 1): FNV-1a (32 bits), mixed by the finalizer of MurmurHash3, over 2^32."""
    h = 0x811C9DC5
    for byte in text:
        h = (h ^ byte) * 0x01000193 & MASK
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return float((h ^ h >> 16) / 2**32)


def draw(knots: list[tuple[float, float]], at: float) -> float:
    """Return the milliseconds at `at` (0 to 1) of a distribution, linear between its (percent, ms) knots."""
    if not knots:
        return 0.0
    percent = 100 * at
    upper = next(i for i, (edge, _) in enumerate(knots) if edge > percent)
    (low, a), (high, b) = knots[upper - 1], knots[upper]
    return a + (b - a) * (percent - low) / (high - low)
