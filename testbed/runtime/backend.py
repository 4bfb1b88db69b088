"""What a kind of runtime must be able to do, so that `SupervisedRuntime` can do the rest."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from testbed.plan.values import Process
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask


class Backend(Protocol):
    """Carries out orders on the processes of one run. Who gives them has checked the names, and waits for the effect.

    Only `pause`, `resume` and `throttle` return when their own effect has been seen. All raise `TestbedError`.
    """

    @property
    def lives(self) -> Lives[Any]:
        """What has become of the processes; the backend keeps it up to date from its first launch on."""

    def require(self, processes: Sequence[Process]) -> None:
        """Raise for a plan that cannot run here: a program, an image or an address is not to be had."""

    def begin(self, processes: Sequence[Process]) -> None:
        """Make what they need before the first of them starts; the run's folder has just been made."""

    def check(self) -> None:
        """Raise if the backend itself has died."""

    def close(self) -> None:
        """End everything, however far it has come, and remove the run's folder unless it is to be kept."""

    def launch(self, processes: Mapping[str, Process]) -> Mapping[str, str | Ask]:
        """Start processes that do not run; return how to see that each is ready, as `wait_ready` takes it."""

    def hint(self, name: str) -> str:
        """Return what may explain that a process is not ready, to be appended to the message; "" for nothing."""

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Signal processes whose end is wanted."""

    def pause(self, name: str) -> None:
        """Stop a process where it is."""

    def resume(self, name: str) -> None:
        """Let a process go on."""

    def throttle(self, name: str, share: float) -> None:
        """Let a process have only this share of one processor; 1 lets it have as much as it likes."""

    def confine(self, name: str, mb: int) -> None:
        """Limit the memory of a process, which does not run, in its next lives."""

    def free(self, name: str) -> None:
        """Take all limits off a process, which does not run."""

    def cannot(self, action: str) -> str:
        """Why "cpu" or "memory" cannot be limited, "" if it can."""

    def pid(self, name: str) -> int:
        """Return the pid of a running process."""

    def log_tail(self, name: str, lines: int) -> str:
        """Return the last lines of a process's log, all its lives included."""

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time that a process has used, earlier lives included."""

    def reach(self, address: str) -> str:
        """Return where this very process reaches an address of the plan."""

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words that run a tool of ours in the network of a process."""
