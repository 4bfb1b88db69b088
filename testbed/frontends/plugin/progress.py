"""The progress of a running test on a terminal: its phase and time. It is removed when the test ends."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from testbed.errors import visible

if TYPE_CHECKING:
    import pytest

STEP_S = 0.2
LEAST = 24  # minimum free columns for progress
TO_END = "\x1b[K"  # clears from the cursor to the end of the line


class Progress:
    """Writes after the cursor and moves the cursor back, so that the next output of pytest overwrites it.

    `columns` returns the free columns after the cursor. It writes to a copy of the terminal descriptor, made before
    pytest captures output.
    """

    def __init__(self, terminal: int, columns: Callable[[], int]) -> None:
        self._fd, self._columns = os.dup(terminal), columns
        self._now = ("", "", 0.0, 0.0)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def say(self, test: str, text: str, for_s: float = 0) -> None:
        """Show the current step of a test, and its duration in seconds (0: unknown)."""
        with self._lock:
            self._now = (test, text, time.monotonic(), for_s)
            if self._thread is None:
                self._ended.clear()
                self._thread = threading.Thread(target=self._keep_showing, name="testbed-progress", daemon=True)
                self._thread.start()
            self._show()

    def clear(self) -> None:
        """Remove the progress."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._thread = None
            os.write(self._fd, TO_END.encode())

    def close(self) -> None:
        """Remove the progress and close the descriptor."""
        self.clear()
        os.close(self._fd)

    def _keep_showing(self) -> None:
        while not self._ended.wait(STEP_S):
            with self._lock:
                self._show()

    def _show(self) -> None:
        left = self._columns() - 2
        if left >= LEAST:
            test, text, since, for_s = self._now
            shown = line(test, text, time.monotonic() - since, for_s, left)
            os.write(self._fd, f" {shown}{TO_END}\x1b[{len(shown) + 1}D".encode())


def line(test: str, text: str, passed_s: float, for_s: float, width: int) -> str:
    """Return `slow pricing: hold, 3 of 6 s`, with the test name cut to the width."""
    from testbed.report.outcome import title

    clock = f", {min(passed_s, for_s):.0f} of {for_s:g} s" if for_s else ""
    phase = visible(f"{text}{clock}")
    name = visible(title(test))
    left = width - len(phase) - 2
    if len(name) > left:
        name = f"{name[: left - 3]}..." if left > 10 else ""
    return (f"{name}: {phase}" if name else phase)[:width]


def progress_of(config: pytest.Config) -> Progress | None:
    """Return a progress display if pytest has an exclusive terminal, else None."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    shared = config.getoption("capture") == "no" or hasattr(config, "workerinput")
    if reporter is None or shared or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return None
    writer = reporter._tw
    return Progress(sys.stdout.fileno(), lambda: writer.fullwidth - writer.width_of_current_line)
