"""Waits until the effect of an order is visible in the thread states of a process."""

from __future__ import annotations

import time
from collections.abc import Callable

from testbed.errors import TestbedError
from testbed.runtime import proc

Seen = Callable[[set[str]], bool]
"""Whether an effect is visible in the thread states of a process."""


def stopped(states: set[str]) -> bool:
    """Whether all threads are stopped."""
    return states <= {"T", "t"}


def going(states: set[str]) -> bool:
    """Whether no thread is stopped."""
    return not states & {"T", "t"}


def see(name: str, pid: int, seen: Seen, effect: str, alive: Callable[[], bool], within_s: float) -> None:
    """Return when the effect is visible. Raises `TestbedError` after the time limit or if the process has died."""
    pause_s = 0.0002 if seen is stopped else 0.001  # a throttled process stops only for moments
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and alive():
        states = proc.states(pid)
        if states and not states & set("ZX") and seen(states):
            return
        time.sleep(pause_s)
    state = "".join(sorted(proc.states(pid))) or "gone"
    raise TestbedError(f"{name} (pid {pid}) is not {effect}: state {state}")
