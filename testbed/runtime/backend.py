"""The part of a runtime that differs between process and docker. `SupervisedRuntime` is the common part."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from testbed.plan.values import Process
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask


class Backend(Protocol):
    """Carries out orders on the processes of one run. The caller has checked the names and waits for the effect.

    Only `pause`, `resume` and `throttle` wait until their effect is observed. All raise `TestbedError`.
    """

    @property
    def lives(self) -> Lives[Any]:
        """The state of all processes. The backend keeps it up to date from the first launch on."""

    def require(self, processes: Sequence[Process]) -> None:
        """Raise if a program, an image or an address of the plan is not available."""

    def begin(self, processes: Sequence[Process]) -> None:
        """Prepare everything that the processes need. The folder of the run exists already."""

    def check(self) -> None:
        """Raise if the backend itself has died."""

    def close(self) -> None:
        """Stop everything, also after an incomplete start. Remove the folder of the run unless it is kept."""

    def launch(self, processes: Mapping[str, Process]) -> Mapping[str, str | Ask]:
        """Start processes that do not run. Return a readiness check for each, for `wait_ready`."""

    def hint(self, name: str) -> str:
        """Return a possible reason why a process is not ready, to append to the message, or ""."""

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to processes that are expected to end."""

    def handles_sigterm(self, name: str) -> bool:
        """Return whether a process has a handler for SIGTERM; PID 1 of a container does not get it without one."""

    def is_listening(self, name: str) -> bool:
        """Return whether a running process still accepts connections at its first address; True if unknown."""

    def refusing(self, name: str, addresses: Sequence[str]) -> AbstractContextManager[Callable[[], None]]:
        """Return a block whose value makes listeners of a process refuse new connections; its open ones stay.

        It does nothing where the machine or the rights of the user do not allow it.
        """

    def pause(self, name: str) -> None:
        """Pause a process."""

    def resume(self, name: str) -> None:
        """Resume a process."""

    def throttle(self, name: str, share: float) -> None:
        """Limit a process to this share of one CPU; 1 removes the limit."""

    def confine(self, name: str, mb: int) -> None:
        """Limit the memory of a stopped process for its next starts."""

    def free(self, name: str) -> None:
        """Remove all limits from a stopped process."""

    def cannot(self, action: str) -> str:
        """Return why "cpu" or "memory" cannot be limited, "" if it can."""

    def pid(self, name: str) -> int:
        """Return the pid of a running process."""

    def log_tail(self, name: str, lines: int) -> str:
        """Return the last log lines of a process, including those before restarts."""

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts."""

    def execute(self, name: str, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Run a command beside a process, and return exit code, stdout and stderr."""

    def reach(self, address: str) -> str:
        """Return the address at which the test process reaches an address of the plan."""

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words to put before a command so that it runs in the network of a process."""
