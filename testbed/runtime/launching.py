"""Starts processes in order, and waits until each is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from testbed.errors import TestbedError
from testbed.plan.values import Process
from testbed.runtime import NotReady, open_files
from testbed.runtime.backend import Backend
from testbed.runtime.messages import not_ready, quoted
from testbed.runtime.readiness import wait_ready
from testbed.runtime.start_order import waves

LOGGED = 20  # lines of a log in a message


def launch(active: Callable[[], Backend], processes: Mapping[str, Process], ready_s: float) -> None:
    """Start processes and wait until all are ready: first the testbed's, then custom services in the order of needs.

    `active` returns the backend, or raises if it accepts no orders. Raises `NotReady` if a process ends before it is
    ready, `TestbedError` if one is not ready after `ready_s` or the limit in its readiness condition.
    """
    for wave in waves(processes):
        _launch_wave(active, wave, ready_s)


def _launch_wave(active: Callable[[], Backend], wave: Mapping[str, Process], ready_s: float) -> None:
    backend = active()
    conditions = backend.launch(wave)
    own_s = {name: one.ready.within_s for name, one in wave.items() if one.ready.within_s is not None}
    late = wait_ready(conditions, ready_s, lambda: _none_ended(active(), wave), own_s)
    if late:
        reasons = {name: reason + backend.hint(name) for name, reason in late.items()}
        raise TestbedError(not_ready(reasons, ready_s, wave, lambda name: backend.log_tail(name, LOGGED)))


def _none_ended(backend: Backend, names: Iterable[str]) -> None:
    for name in names:
        life = backend.lives.get(name)
        if life is not None and not life.alive:
            last = quoted(open_files.named(backend.log_tail(name, LOGGED)))
            raise NotReady(f"{name} ended before it was ready ({life.end}){last}", name)
