"""Makes the testbed itself ill, for tests of what it then says of the system."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from testbed import Testbed

PERIOD_S = 0.25


@contextmanager
def starved(bed: Testbed, process: str, stopped_s: float) -> Iterator[None]:
    """Stop a process of the testbed for so long in every quarter of a second."""
    over = threading.Event()
    thread = threading.Thread(target=_take_turns, args=(bed.parts.runtime.pid(process), stopped_s, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _take_turns(pid: int, stopped_s: float, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(stopped_s)
            os.kill(pid, signal.SIGCONT)
        over.wait(PERIOD_S - stopped_s)


@contextmanager
def stopped(pids: Sequence[int], after_s: float, for_s: float) -> Iterator[None]:
    """Stop these processes after a while, for a while."""
    timers = [
        threading.Timer(at, _signal_all, (pids, number))
        for at, number in ((after_s, signal.SIGSTOP), (after_s + for_s, signal.SIGCONT))
    ]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.join()
        _signal_all(pids, signal.SIGCONT)


def _signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def no_files(pid: int) -> Iterator[None]:
    """Let a process open no more file descriptors; those that it has stay open."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
