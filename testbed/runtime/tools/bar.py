"""A progress bar: one line that is updated on a terminal, or a new line from time to time elsewhere.

Uses only the standard library, because it runs before anything is installed.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO

State = Callable[[], tuple[str, float]]
"""Returns the current step in a few words, and the share that is done."""

QUIET_S = 5.0  # without a terminal, print at least this often
TICK_S = 0.25
WIDTH = 20
BACK = "\r\x1b[K"  # go to the start of the line and clear it


@dataclass
class Piece:
    """A piece of work with its progress."""

    words: str = ""
    share: float = 0.0

    def at(self, words: str, share: float) -> None:
        """Record the progress."""
        self.words, self.share = words, share

    def state(self) -> tuple[str, float]:
        """Return the progress."""
        return self.words, self.share


class Bar:
    """Shows the common progress of parallel pieces of work, until it is closed."""

    def __init__(self, *states: State, out: TextIO | None = None) -> None:
        self._states, self._out = states, out or sys.stderr
        self._terminal = self._out.isatty()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tenth, self._said_at = 0, 0.0

    def __enter__(self) -> Bar:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        if self._terminal:
            self._write(BACK)

    def say(self, line: str) -> None:
        """Print a permanent line."""
        self._write(f"{BACK if self._terminal else ''}{line}\n")

    def _run(self) -> None:
        while not self._ended.wait(TICK_S):
            states = [state() for state in self._states]
            share = sum(share for _, share in states) / len(states)
            self._show(share, "; ".join(words for words, _ in states if words))

    def _show(self, share: float, words: str) -> None:
        if self._terminal:
            columns = shutil.get_terminal_size().columns
            self._write(BACK + f"[{'#' * int(share * WIDTH):-<{WIDTH}}] {share:4.0%}  {words}"[: columns - 1])
        elif self._is_due(int(share * 10)):
            self._write(f"  {share:4.0%}  {words}\n")

    def _is_due(self, tenth: int) -> bool:
        now = time.monotonic()
        if tenth == self._tenth and now < self._said_at + QUIET_S:
            return False
        self._tenth, self._said_at = tenth, now
        return True

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
