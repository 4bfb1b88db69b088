"""Places to run a plan: what each must be able to do, and their registry. Knows nothing of faults or checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from testbed.errors import TestbedError, nearest
from testbed.plan.values import AddressSpace, File, Process

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

RUNTIMES = {  # name -> where its class is
    "process": "testbed.runtime.process.runtime:ProcessRuntime",
    "docker": "testbed.runtime.docker.runtime:DockerRuntime",
}


Tell = Callable[[str], object]
"""Takes what happens now."""


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a process that nobody had asked for."""

    name: str
    at: float  # epoch seconds
    how: str  # "exit code 3", "killed by SIGSEGV"


class NotReady(TestbedError):
    """A process ended before it was ready; `process` is its name."""

    def __init__(self, message: str, process: str) -> None:
        super().__init__(message)
        self.process = process


class Lease(Protocol):
    """A hold on the addresses of one run: nobody else gets them until it is given up, or its holders have died."""

    @property
    def space(self) -> AddressSpace:
        """Where the addresses lie."""

    def release(self) -> None:
        """Give them up; a second call does nothing."""


class Runtime(Protocol):
    """Starts a plan and does things to its processes; every method returns when its effect has been seen.

    All raise `TestbedError` when the effect is not seen in time, or for a name that is not in the plan.
    """

    def __init__(self, directory: Path, lease: Lease, *, keep: bool = False) -> None:
        """`directory` is the run's own: it is removed at the end, unless it is to be kept."""

    @classmethod
    def lease(cls) -> Lease:
        """Lease the addresses of one run. Raises `TestbedError` if there are none left."""

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Build and find what the user's own services are; nothing is started.

        Raises `TopologyError`, with the place in the file, for the first service that this runtime cannot run.
        """

    @classmethod
    def address_space(cls, leased: AddressSpace, topology: Topology) -> AddressSpace:
        """Return where a topology may lie on leased addresses, with the ports and networks that its services need."""

    def reach(self, address: str) -> str:
        """Return where this very process reaches an "ip:port" of the plan (one of `Process.reached`).

        Asked after the start; the answer stays right as long as the mesh runs, whatever is killed or restarted.
        """

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words that, put before a command, run a tool of ours in the network that a process is in.

        () where that is our own network. Raises `Unsupported`, with the reason, where it cannot be done.
        """

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        """Write the files, start all processes at once, return when all are ready; on failure nothing is left."""

    def write(self, files: Sequence[File]) -> None:
        """Write files again, for the next life of the processes that read them."""

    def stop(self) -> None:
        """End everything; a second call does nothing."""

    def kill(self, name: str) -> None:
        """End a process at once, without notice."""

    def pause(self, name: str) -> None:
        """Stop a process where it is."""

    def resume(self, name: str) -> None:
        """Let a paused process go on."""

    def restart(self, name: str) -> None:
        """Start a process again, after killing it if it lives; return when it is ready."""

    def restart_all(self, names: Iterable[str]) -> None:
        """Restart several at the same time."""

    def terminate(self, name: str, within_s: float) -> None:
        """Ask a process to end, and kill it if it has not within this time."""

    def throttle(self, name: str, share: float) -> None:
        """Let a process have only this share (0 to 1) of one processor."""

    def unthrottle(self, name: str) -> None:
        """Let it have as much as it likes again; nothing to do if it has died meanwhile."""

    def confine(self, name: str, mb: int) -> None:
        """Restart a process with at most this much memory (MiB), to be killed by the kernel if it needs more.

        The next `restart` sets it free.
        """

    def cannot(self, action: str) -> str:
        """Why "cpu" (throttle) or "memory" (confine) is not possible here, "" if it is; asked beforehand."""

    def alive(self, name: str) -> bool:
        """Whether a process runs (a paused one does)."""

    def deaths(self) -> list[Death]:
        """Return all unexpected ends since the start, oldest first."""

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last lines that a process wrote to stdout and stderr."""

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time that a process has used, earlier lives included."""


def runtime_class(name: str) -> type[Runtime]:
    """Return a runtime's class by its name; `TestbedError` names the valid ones."""
    if name not in RUNTIMES:
        raise TestbedError(f"no runtime called {name!r}{nearest(name, RUNTIMES)}")
    module, _, attribute = RUNTIMES[name].partition(":")
    return cast(type[Runtime], getattr(import_module(module), attribute))
