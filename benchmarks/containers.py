"""The shop in Docker containers: from nothing to the first end-to-end answer, and from there to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks import whole
from benchmarks._table import Figure
from testbed.runtime.docker.checkup import why_no_image

ROUNDS = 5


def containers() -> Iterator[Figure]:
    """Two figures, where there is a daemon and the base image; else none."""
    if why_no_image():
        return
    starts, stops = zip(*(whole.cold_start(whole.SHOP, "docker") for _ in range(ROUNDS)), strict=True)
    note = f"to the first end-to-end 200, {ROUNDS} rounds, {max(starts):,.0f} ms at worst"
    yield Figure("start the shop in containers", median(starts), 6000, note=note)
    yield Figure("stop the shop in containers", median(stops), 3000, note=f"{max(stops):,.0f} ms at worst")
