"""The shop in Docker containers: the time to start until the first end-to-end answer, and the time to stop."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks import whole
from benchmarks.table import Figure
from testbed.runtime.docker.checkup import why_no_image

ROUNDS = 5


def containers() -> Iterator[Figure]:
    """Yield two figures, or none without a Docker daemon and the base image."""
    if why_no_image():
        return
    starts, stops = zip(*(whole.cold_start(whole.SHOP, "docker") for _ in range(ROUNDS)), strict=True)
    note = f"to the first end-to-end 200, {ROUNDS} rounds, {max(starts):,.0f} ms at worst"
    yield Figure("start the shop in containers", median(starts), 6000, note=note)
    yield Figure("stop the shop in containers", median(stops), 3000, note=f"{max(stops):,.0f} ms at worst")
