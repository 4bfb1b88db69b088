"""What is known of the processes of a run: filled in by the thread that hears of them, waited for by all others."""

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
    """The life that a process of the plan has now, or had last."""

    alive: bool = False
    exit_expected: bool = False  # its end has been asked for
    end: str = ""  # how its last life ended


L = TypeVar("L", bound=Life)


class Lives(Generic[L]):
    """The lives of all processes of one run by name, and the ends that nobody had asked for."""

    def __init__(self) -> None:
        self.deaths: list[Death] = []
        self.lost = False  # nothing is heard of them any more
        self._lives: dict[str, L] = {}
        self._changed = threading.Condition()

    def get(self, name: str) -> L | None:
        """Return what is known of a process; None when it was never started."""
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
        """Wait until a condition on the lives is met; False if it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.lost or met(), timeout_s) and met()

    @contextmanager
    def locked(self) -> Iterator[dict[str, L]]:
        """Give the lives to be read and changed, by nobody else meanwhile; those who wait look again afterwards."""
        with self._changed:
            yield self._lives
            self._changed.notify_all()

    def expect_exit(self, names: Iterable[str]) -> None:
        """Note that the end of these has been asked for."""
        with self._changed:
            for name in names:
                self._lives[name].exit_expected = True

    def ended(self, name: str, at: float, end: str, *, reported: bool = False) -> None:
        """Note the end of a process. It is a death if it was not expected, or is to be reported in any case."""
        with self.locked() as lives:
            life = lives[name]
            life.alive, life.end = False, end
            if reported or not life.exit_expected:
                self.deaths.append(Death(name, at, end))

    def forget_deaths(self, name: str, known: int) -> None:
        """Take back the deaths of a process after the first `known` of all: an error tells of them."""
        with self._changed:
            self.deaths[known:] = [death for death in self.deaths[known:] if death.name != name]

    def lose(self) -> None:
        """Note that nothing more will be heard."""
        with self.locked():
            self.lost = True
