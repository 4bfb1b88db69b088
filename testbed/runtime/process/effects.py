"""Waits until the effect of an order is visible in the thread states of a process."""

from __future__ import annotations

import time
from collections.abc import Callable

from testbed.errors import TestbedError
from testbed.runtime import proc
from testbed.runtime.process import family

Seen = Callable[[set[str]], bool]
"""Whether an effect is visible in the thread states of a process."""


def stopped(states: set[str]) -> bool:
    """Whether all threads are stopped."""
    return states <= {"T", "t"}


def going(states: set[str]) -> bool:
    """Whether no thread is stopped."""
    return not states & {"T", "t"}


def see(name: str, pid: int, seen: Seen, effect: str, alive: Callable[[], bool], within_s: float) -> None:
    """Return when the effect is visible in a process and each of its descendants.

    Raises `TestbedError` after the time limit, with the processes that it did not reach, or if the process has died.
    """
    pause_s = 0.0002 if seen is stopped else 0.001  # a throttled process stops only for moments
    deadline, shown = time.monotonic() + within_s, set[int]()
    while time.monotonic() < deadline and alive():
        states = {one: proc.states(one) for one in family.descendants(pid)}
        running = {one: letters for one, letters in states.items() if letters and not letters & set("ZX")}
        shown |= {one for one, letters in running.items() if seen(letters)}
        if pid in running and shown >= running.keys():
            return
        time.sleep(pause_s)
    missed = [one for one in family.descendants(pid) if one not in shown] or [pid]
    told = ", ".join(f"{_program(one)} in state {''.join(sorted(proc.states(one))) or 'gone'}" for one in missed)
    raise TestbedError(f"{name} (pid {pid}) is not {effect}: {told}")


def _program(pid: int) -> str:
    return next(iter(family.names([pid])), f"pid {pid}")
