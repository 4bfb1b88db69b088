"""SIGTERM ends pytest as Ctrl-C does, with the report of what ran; and no child outlives who has started it."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h
AGAIN_S = 3.0  # a SIGTERM so soon after the first signal tells nothing new: it is not to break off the tidying up


class Interrupts:
    """Takes SIGINT and SIGTERM over, where nobody else has, until `release`."""

    def __init__(self) -> None:
        self._first = float("-inf")
        self._before: dict[int, Any] = {}

    def take(self) -> None:
        """Raise `KeyboardInterrupt` for both from now on; does nothing in another thread than the main one."""
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is usual:
                    self._before[number] = signal.signal(number, self._interrupt)

    def release(self) -> None:
        """Give back what was taken."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        before, self._first = self._first, time.monotonic()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._first - before > AGAIN_S:
            raise KeyboardInterrupt("SIGTERM")


@contextmanager
def taken() -> Iterator[None]:
    """SIGTERM is a `KeyboardInterrupt` in this block."""
    interrupts = Interrupts()
    interrupts.take()
    try:
        yield
    finally:
        interrupts.release()


def end_with_parent() -> None:
    """Get a SIGTERM when the process that has started this one dies."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def ask_to_end(pid: int) -> None:
    """Send SIGTERM to a process, if it is there."""
    with suppress(OSError):
        os.kill(pid, signal.SIGTERM)
