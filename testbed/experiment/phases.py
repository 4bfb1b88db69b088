"""The phases of an experiment, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from testbed import clock
from testbed.errors import TestbedError
from testbed.experiment.traffic import WARM_UP

if TYPE_CHECKING:
    from testbed.experiment.traffic import Traffic
    from testbed.injection.injection import Injection


def play(
    traffic: Traffic,
    inject: Callable[[], Injection] | None,
    warmup_s: float,
    baseline_s: float,
    hold_s: float,
) -> None:
    """Warm up, take a baseline, inject, hold and heal; a phase of length 0 is left out."""
    phase(traffic, warmup_s, WARM_UP)
    phase(traffic, baseline_s, "baseline")
    start = clock.now()
    injection = inject() if inject else None
    try:
        traffic.mark("inject", start)
        phase(traffic, hold_s, "hold")
    finally:
        start = clock.now()
        if injection is not None:
            injection.heal()
    traffic.mark("heal", start)


def refuse_negative(**times: float) -> None:
    """Raise `TestbedError` for the first time below 0."""
    for name, seconds in times.items():
        if seconds < 0:
            raise TestbedError(f"experiment(): {name} must not be negative, not {seconds:g}")


def phase(traffic: Traffic, for_s: float, name: str) -> None:
    """Keep the load on for this long, if at all."""
    if for_s > 0:
        traffic.run(for_s, name)
