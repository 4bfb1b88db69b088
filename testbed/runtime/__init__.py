"""The runtimes: their registry, and the interface that each implements. Independent of faults and checks."""

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

RUNTIMES = {  # name -> module and class
    "process": "testbed.runtime.process.runtime:ProcessRuntime",
    "docker": "testbed.runtime.docker.runtime:DockerRuntime",
}


Tell = Callable[[str], object]
"""Takes a progress message."""


@dataclass(frozen=True, slots=True)
class Drain:
    """How a process leaves the load balancing when it is asked to end, as in Kubernetes.

    `links` are addresses at which `owner` listens for it. They refuse new connections after `delay_s`, or as soon as
    the process itself refuses them; open ones stay. SIGTERM follows after `pre_stop_s`.
    """

    owner: str = ""
    links: tuple[str, ...] = ()
    delay_s: float = 0.0
    pre_stop_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended after SIGTERM."""

    asked: float  # epoch seconds: when SIGTERM was sent
    at: float  # epoch seconds
    event: str  # "ended" by itself, or "killed" after the time limit
    detail: str
    left: tuple[str, ...] = ()  # its descendants that still ran, and were killed: "node (pid 12)"


@dataclass(frozen=True, slots=True)
class Death:
    """The unexpected end of a process."""

    name: str
    at: float  # epoch seconds
    how: str  # "exit code 3", "killed by SIGSEGV"


class NotReady(TestbedError):
    """A process ended before it was ready; `process` is its name."""

    def __init__(self, message: str, process: str) -> None:
        super().__init__(message)
        self.process = process


class Lease(Protocol):
    """The reservation of the addresses of one run, until it is released or its holders have died."""

    @property
    def space(self) -> AddressSpace:
        """The reserved addresses."""

    def release(self) -> None:
        """Release the addresses. A second call does nothing."""


class Runtime(Protocol):
    """Starts a plan and controls its processes. Every method returns when its effect is observed.

    All raise `TestbedError` if the effect is not observed in time, or for a name that is not in the plan.
    """

    def __init__(self, directory: Path, lease: Lease, *, keep: bool = False) -> None:
        """`directory` is the folder of the run. It is removed at the end unless `keep` is set."""

    @classmethod
    def lease(cls) -> Lease:
        """Lease the addresses of one run. Raises `TestbedError` if there are none left."""

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Build custom services and find their programs. Nothing is started.

        Raises `TopologyError` with the place in the file for the first service that this runtime cannot run.
        """

    @classmethod
    def address_space(cls, leased: AddressSpace, topology: Topology) -> AddressSpace:
        """Return the address space for a topology, with the ports and networks that its services need."""

    def reach(self, address: str) -> str:
        """Return the address at which the test process reaches an address of the plan (`Process.reached`, or a socket).

        Valid after the start and until the end of the run, even if processes are killed or restarted.
        """

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words to put before a command so that it runs in the network of a process.

        () if the test process is in the same network. Raises `Unsupported` with the reason if it is impossible.
        """

    def execute(self, name: str, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Run a command beside a process: in its container, or with its environment, folder and network.

        Return exit code, stdout and stderr. Raises `TimeoutError` after `timeout_s`, where the runtime can end it.
        """

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        """Write the files, start all processes, and return when all are ready. After a failure nothing is left."""

    def write(self, files: Sequence[File]) -> None:
        """Write files again. Processes read them after a restart."""

    def stop(self) -> None:
        """Stop everything. A second call does nothing."""

    def kill(self, name: str) -> None:
        """Kill a process (SIGKILL)."""

    def pause(self, name: str) -> None:
        """Pause a process."""

    def resume(self, name: str) -> None:
        """Resume a paused process."""

    def restart(self, name: str) -> None:
        """Kill a process if it runs, start it again, and return when it is ready."""

    def restart_all(self, names: Iterable[str]) -> None:
        """Restart several processes at the same time."""

    def terminate(self, name: str, within_s: float, drain: Drain = ...) -> Ending:
        """Send SIGTERM to a process as to PID 1 of a container, and SIGKILL if it has not ended within this time."""

    def throttle(self, name: str, share: float) -> None:
        """Limit a process to this share (0 to 1) of one CPU."""

    def unthrottle(self, name: str) -> None:
        """Remove the CPU limit. Does nothing if the process has died."""

    def confine(self, name: str, mb: int) -> None:
        """Restart a process with a memory limit (MiB). The kernel kills it if it needs more.

        The next `restart` removes the limit.
        """

    def cannot(self, action: str) -> str:
        """Return why "cpu" (throttle) or "memory" (confine) is not possible here, "" if it is possible."""

    def alive(self, name: str) -> bool:
        """Whether a process runs. A paused process runs."""

    def pid(self, name: str) -> int:
        """Return the pid of a running process on its machine. Raises `TestbedError` if it does not run."""

    def deaths(self) -> list[Death]:
        """Return all unexpected ends since the start, oldest first."""

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last log lines of a process (stdout and stderr)."""

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts."""


def runtime_class(name: str) -> type[Runtime]:
    """Return the class of a runtime. Raises `TestbedError` with the valid names for an unknown one."""
    if name not in RUNTIMES:
        raise TestbedError(f"no runtime called {name!r}{nearest(name, RUNTIMES)}")
    module, _, attribute = RUNTIMES[name].partition(":")
    return cast(type[Runtime], getattr(import_module(module), attribute))
