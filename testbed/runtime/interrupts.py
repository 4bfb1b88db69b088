"""SIGTERM ends pytest like Ctrl-C, with a report. A child process ends when its parent dies."""

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
AGAIN_S = 3.0  # a second SIGTERM within this time is ignored, so that it does not interrupt the cleanup


class Interrupts:
    """Handles SIGINT and SIGTERM until `release`, unless another handler is installed."""

    def __init__(self) -> None:
        self._first = float("-inf")
        self._before: dict[int, Any] = {}

    def take(self) -> None:
        """Raise `KeyboardInterrupt` for both signals from now on. Does nothing outside the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is usual:
                    self._before[number] = signal.signal(number, self._interrupt)

    def release(self) -> None:
        """Restore the previous handlers."""
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
    """Turn SIGTERM into `KeyboardInterrupt` in this block."""
    interrupts = Interrupts()
    interrupts.take()
    try:
        yield
    finally:
        interrupts.release()


def end_with_parent() -> None:
    """Make the kernel send SIGTERM to this process when its parent dies."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def ask_to_end(pid: int) -> None:
    """Send SIGTERM to a process if it exists."""
    with suppress(OSError):
        os.kill(pid, signal.SIGTERM)
