"""The backend of the `docker` runtime: one container for each process, in a network of the run."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import Process
from testbed.runtime import folder, proc, refusing
from testbed.runtime.docker import images
from testbed.runtime.docker.containers import ContainerSet
from testbed.runtime.docker.lease import DockerLease
from testbed.runtime.docker.limits import refuse_to_limit
from testbed.runtime.docker.pods import RunContext, container, holder, pods
from testbed.runtime.docker.watch import ContainerLife
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask
from testbed.runtime.tools import binaries

GRACE_S = 0.2  # time for the apps to end after SIGTERM when the run stops


class DockerBackend:
    """Implements `testbed.runtime.backend.Backend`. Most methods are one order.

    If its owner dies, the containers, their network and the folder are removed within 2 s. If the reaper is killed too,
    the next start removes them.
    """

    def __init__(self, directory: Path, lease: DockerLease, keep: bool) -> None:
        self.lives: Lives[ContainerLife] = Lives()
        self._directory, self.lease, self._keep = directory.absolute(), lease, keep
        self._processes: dict[str, Process] = {}
        self._tools: dict[str, Path] = {}
        self._begun: ContainerSet | None = None
        self._closed = False

    # -- the whole run

    def require(self, processes: Sequence[Process]) -> None:
        """Find programs and images. Raise if one is missing."""
        self._processes = {process.name: process for process in processes}
        self._tools = {tool: binaries.find(tool) for tool in {one.argv[0] for one in processes if not one.image}}
        images.check(self.lease.engine, {process.image: process.name for process in processes if process.image})

    def begin(self, processes: Sequence[Process]) -> None:
        """Create the pods, then the containers in them."""
        if not self._keep:
            self.lease.guard.folder(self._directory)
        self._begun = ContainerSet(self.lives, self.lease)
        context, environment = self._context(), folder.environment(self._directory)
        all_pods = pods(processes, self.lease.routed)
        self.containers.hold(all_pods, {pod.name: holder(pod, context) for pod in all_pods})
        members = [(self._processes[name], pod) for pod in all_pods for name in pod.processes]
        self.containers.make({process.name: container(process, pod, context, environment) for process, pod in members})

    def _context(self) -> RunContext:
        return RunContext(
            network=self.lease.name,
            labels=self.lease.labels,
            image=images.base_image(),
            user=f"{os.getuid()}:{os.getgid()}",
            folder=self._directory,
            tools=self._tools,
        )

    @property
    def containers(self) -> ContainerSet:
        """The containers of the run."""
        if self._begun is None:
            raise TestbedError("this runtime is not started")
        return self._begun

    def check(self) -> None:
        """Raise if the daemon has died, or a pod has lost its network."""
        self.containers.watch.check()

    def close(self) -> None:
        """Stop everything, then remove the containers and the folder."""
        try:
            if self._begun is not None:
                with suppress(TestbedError):  # the daemon is gone; `remove` handles that
                    self._end_gracefully(self._begun)
                self._begun.remove()
        finally:
            self._closed = True
            if not self._keep:
                shutil.rmtree(self._directory, ignore_errors=True)

    def _end_gracefully(self, containers: ContainerSet) -> None:
        """Give the apps a moment to end. Then save the logs if the folder is kept."""
        alive = self.lives.alive
        apps = [name for name, process in self._processes.items() if process.role == "app" and alive(name)]
        self.end(apps, signal.SIGTERM)
        self.lives.wait(lambda: not any(map(alive, apps)), GRACE_S)
        if self._keep:
            for name in containers.made():
                folder.log_of(name, self._directory).write_text(containers.log(name, "all"))

    # -- one process

    def launch(self, processes: Mapping[str, Process]) -> dict[str, str | Ask]:
        """Start containers."""
        conditions = {name: self.containers.readiness(process) for name, process in processes.items()}
        self.containers.start(list(processes))
        return conditions

    def hint(self, name: str) -> str:
        """Return "": the listening addresses in a container are unknown."""
        return ""

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to containers."""
        self.containers.end(names, number)

    def handles_sigterm(self, name: str) -> bool:
        """Return whether PID 1 of a container has a handler for SIGTERM; True if its /proc is on another machine."""
        return self.containers.handles_sigterm(name)

    def is_listening(self, name: str) -> bool:
        """Return whether a running container still accepts connections at its port."""
        pid = self.containers.local_pid(name)
        return not pid or proc.listens(pid, int(self._processes[name].listens[0].rpartition(":")[2]))

    @contextmanager
    def refusing(self, name: str, addresses: Sequence[str]) -> Iterator[Callable[[], None]]:
        """Borrow listeners of a container, where machine and user allow it; the value makes them refuse."""
        pid, found = self.containers.local_pid(name), []
        for ip, _, port in (address.rpartition(":") for address in addresses):
            with suppress(OSError):
                found.append(refusing.borrowed(pid, proc.listener_of(pid, ip, int(port))))
        try:
            yield lambda: refusing.refuse_all(found)
        finally:
            for listener in found:
                listener.close()

    def pause(self, name: str) -> None:
        """Pause a container. Return when it is paused."""
        self.containers.freeze(name)
        self._see(name, frozen=True)

    def resume(self, name: str) -> None:
        """Resume a container. Return when it runs again."""
        if self.containers.facts(name).paused:
            self.containers.thaw(name)
        self._see(name, frozen=False)

    def _see(self, name: str, *, frozen: bool) -> None:
        if self.containers.facts(name).paused is not frozen:
            raise TestbedError(
                f"{name} is not {'paused' if frozen else 'running'}, although the daemon reported no error"
            )

    def throttle(self, name: str, share: float) -> None:
        """Limit a container to this share of one CPU, with the quota of the kernel."""
        self.containers.throttle(name, share) if share < 1 else self.containers.free(name)

    def confine(self, name: str, mb: int) -> None:
        """Limit the memory of a container, swap included."""
        self.containers.confine(name, mb)

    def free(self, name: str) -> None:
        """Take all limits off a container."""
        self.containers.free(name)

    def cannot(self, action: str) -> str:
        """Why the daemon cannot limit "cpu" or "memory", "" if it can."""
        return refuse_to_limit(self.lease.engine.info, action)

    def pid(self, name: str) -> int:
        """Return the pid of the first process of a container, on the machine of the daemon."""
        return self.containers.facts(name).pid

    def log_tail(self, name: str, lines: int) -> str:
        """Return the last log lines of a container; "" after it is removed."""
        return "" if self._closed else self.containers.log(name, lines).rstrip("\n")

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts, but not before unexpected deaths."""
        return self.containers.cpu_seconds(name)

    def execute(self, name: str, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Run a command in a container. The daemon cannot end it, so `timeout_s` is not used."""
        return self.containers.execute(name, words)

    def reach(self, address: str) -> str:
        """Return the loopback address at which an address of the plan is published.

        An unpublished address, such as that of a second replica on a node, is reached over the network of the run.
        """
        return self.containers.published.get(address, address)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words to run a command in the network of a process. Raises `Unsupported` if that is impossible."""
        return self.containers.inside(name)
