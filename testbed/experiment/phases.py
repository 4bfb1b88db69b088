"""The phases of an experiment, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.experiment.traffic import Traffic
    from testbed.injection.injection import Injection

WARM_S = 5.0  # the longest extension of a warm-up


def play(
    traffic: Traffic,
    inject: Callable[[], Injection] | None,
    warmup_s: float,
    baseline_s: float,
    hold_s: float,
    *,
    cold: bool = False,
) -> None:
    """Warm up, take a baseline, inject, hold and heal; a phase of length 0 is left out.

    `cold`: connections of apps were broken since the last load, so the warm-up lasts until they are replaced.
    """
    if warmup_s > 0:
        traffic.run(warmup_s, "warm-up", longer_s=WARM_S if cold else 0)
    phase(traffic, baseline_s, "baseline")
    start = time.time()
    injection = inject() if inject else None
    try:
        traffic.mark("inject", start)
        phase(traffic, hold_s, "hold")
    finally:
        start = time.time()
        if injection is not None:
            injection.heal()
    traffic.mark("heal", start)


def phase(traffic: Traffic, for_s: float, name: str) -> None:
    """Keep the load on for this long, if at all."""
    if for_s > 0:
        traffic.run(for_s, name)
