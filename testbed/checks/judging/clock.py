"""Whether the wall clock of the machine was set during a run: proxies and apps log its times, the rest does not."""

from __future__ import annotations

from testbed.checks.judging.formatting import ms
from testbed.history.counters import MONOTONIC, WALL
from testbed.history.index import Index

JUMP_S = 0.5  # a clock that is corrected slowly (NTP) moves by far less


def clock_jump(index: Index) -> str:
    """Return by how much the wall clock and the monotonic clock moved apart, "" if they did not, or nobody looked."""
    told = [sample for sample in index.samples if MONOTONIC in sample.values]
    told.sort(key=lambda sample: sample.values[MONOTONIC])
    apart = [sample.values.get(WALL, sample.at) - sample.values[MONOTONIC] for sample in told]
    if not apart or (jump := max(apart) - min(apart)) <= JUMP_S:
        return ""
    way = "forward" if apart.index(max(apart)) > apart.index(min(apart)) else "back"
    why = "(somebody set it, or the machine slept), so the times in the logs do not fit together"
    return f"the machine's clock was set {way} by {ms(jump * 1000)} during the run {why}"
