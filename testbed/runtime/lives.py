"""The state of the processes of a run. One thread updates it, other threads wait for changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from testbed.errors import TestbedError
from testbed.runtime import Death


@dataclass
class Life:
    """The current or last life of a process (from one start to its end)."""

    alive: bool = False
    exit_expected: bool = False  # the testbed ends it
    end: str = ""  # how it ended
    ended_at: float = 0.0  # epoch seconds
    left: tuple[str, ...] = ()  # its descendants that still ran when it ended: "node (pid 12)"


L = TypeVar("L", bound=Life)


class Lives(Generic[L]):
    """The lives of all processes of one run by name, and their unexpected ends."""

    def __init__(self) -> None:
        self.deaths: list[Death] = []
        self.lost = False  # no more events are received
        self._lives: dict[str, L] = {}
        self._changed = threading.Condition()

    def get(self, name: str) -> L | None:
        """Return the life of a process, None if it was never started."""
        return self._lives.get(name)

    def alive(self, name: str) -> bool:
        """Whether a process runs."""
        life = self._lives.get(name)
        return life is not None and life.alive

    def require(self, name: str) -> None:
        """Raise `TestbedError` if a process does not run."""
        if not self.alive(name):
            life = self._lives.get(name)
            raise TestbedError(f"{name} is not running" + (f" ({life.end})" if life and life.end else ""))

    def wait(self, met: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a condition on the lives is true. Return False after the time limit."""
        with self._changed:
            return self._changed.wait_for(lambda: self.lost or met(), timeout_s) and met()

    @contextmanager
    def locked(self) -> Iterator[dict[str, L]]:
        """Give exclusive access to the lives. At the end, waiting threads check their conditions again."""
        with self._changed:
            yield self._lives
            self._changed.notify_all()

    def expect_exit(self, names: Iterable[str]) -> None:
        """Record that these processes are expected to end."""
        with self._changed:
            for name in names:
                self._lives[name].exit_expected = True

    def ended(self, name: str, at: float, end: str, *, reported: bool = False) -> None:
        """Record the end of a process. It is a death if it is unexpected, or if `reported` is set."""
        with self.locked() as lives:
            life = lives[name]
            life.alive, life.end, life.ended_at = False, end, at
            if reported or not life.exit_expected:
                self.deaths.append(Death(name, at, end))

    def forget_deaths(self, name: str, known: int) -> None:
        """Remove the deaths of a process after the first `known` entries: an error reports them."""
        with self._changed:
            self.deaths[known:] = [death for death in self.deaths[known:] if death.name != name]

    def lose(self) -> None:
        """Record that no more events will be received."""
        with self.locked():
            self.lost = True
