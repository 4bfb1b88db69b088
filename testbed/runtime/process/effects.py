"""Waits until an order shows in the states of a process's threads."""

from __future__ import annotations

import time
from collections.abc import Callable

from testbed.errors import TestbedError
from testbed.runtime import proc

Seen = Callable[[set[str]], bool]
"""Whether an effect shows in the states of a process's threads."""


def stopped(states: set[str]) -> bool:
    """All threads stand still."""
    return states <= {"T", "t"}


def going(states: set[str]) -> bool:
    """No thread stands still."""
    return not states & {"T", "t"}


def see(name: str, pid: int, seen: Seen, effect: str, alive: Callable[[], bool], within_s: float) -> None:
    """Return when the effect is seen; `TestbedError` if it is not in time, or the process does not live any more."""
    pause_s = 0.0002 if seen is stopped else 0.001  # a throttled one stands still for moments only
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and alive():
        states = proc.states(pid)
        if states and not states & set("ZX") and seen(states):
            return
        time.sleep(pause_s)
    state = "".join(sorted(proc.states(pid))) or "gone"
    raise TestbedError(f"{name} (pid {pid}) is not seen {effect}: state {state}")
