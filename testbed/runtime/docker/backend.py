"""The `docker` runtime's backend: containers on a network of the run's own, one for each process."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import Process
from testbed.runtime import folder
from testbed.runtime.docker import images
from testbed.runtime.docker.containers import ContainerSet
from testbed.runtime.docker.lease import DockerLease
from testbed.runtime.docker.limits import refuse_to_limit
from testbed.runtime.docker.pods import RunContext, container, holder, pods
from testbed.runtime.docker.watch import ContainerLife
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask
from testbed.runtime.tools import binaries

GRACE_S = 0.2  # for the apps to end by themselves when the run is stopped


class DockerBackend:
    """Implements `testbed.runtime.backend.Backend`.

    However its owner ends, its containers, their network and the folder go within 2 s; should the reaper be killed too,
    the next start sweeps them.
    """

    def __init__(self, directory: Path, lease: DockerLease, keep: bool) -> None:
        self.lives: Lives[ContainerLife] = Lives()
        self._directory, self._lease, self._keep = directory.absolute(), lease, keep
        self._processes: dict[str, Process] = {}
        self._tools: dict[str, Path] = {}
        self._begun: ContainerSet | None = None
        self._closed = False

    # -- the whole run

    def require(self, processes: Sequence[Process]) -> None:
        """Find the programs; raise if one, or an image, is missing."""
        self._processes = {process.name: process for process in processes}
        self._tools = {tool: binaries.find(tool) for tool in {one.argv[0] for one in processes if not one.image}}
        images.check(self._lease.engine, {process.image: process.name for process in processes if process.image})

    def begin(self, processes: Sequence[Process]) -> None:
        """Make the pods, then the containers that are to run in them."""
        if not self._keep:
            self._lease.guard.folder(self._directory)
        self._begun = ContainerSet(self.lives, self._lease)
        context, environment = self._context(), folder.environment(self._directory)
        all_pods = pods(processes, self._lease.routed)
        self.containers.hold(all_pods, {pod.name: holder(pod, context) for pod in all_pods})
        members = [(self._processes[name], pod) for pod in all_pods for name in pod.processes]
        self.containers.make({process.name: container(process, pod, context, environment) for process, pod in members})

    def _context(self) -> RunContext:
        return RunContext(
            network=self._lease.name,
            labels=self._lease.labels,
            image=images.base_image(),
            user=f"{os.getuid()}:{os.getgid()}",
            folder=self._directory,
            tools=self._tools,
        )

    @property
    def containers(self) -> ContainerSet:
        """The containers, to which all orders go."""
        if self._begun is None:
            raise TestbedError("this runtime has not been started")
        return self._begun

    def check(self) -> None:
        """Raise if the daemon has died, or a pod has lost its network."""
        self.containers.watch.check()

    def close(self) -> None:
        """End everything; then remove the containers and the folder."""
        try:
            if self._begun is not None:
                with suppress(TestbedError):  # a daemon that has gone, which `remove` knows how to deal with
                    self._end_gracefully(self._begun)
                self._begun.remove()
        finally:
            self._closed = True
            if not self._keep:
                shutil.rmtree(self._directory, ignore_errors=True)

    def _end_gracefully(self, containers: ContainerSet) -> None:
        """Give the apps a moment to end by themselves; then keep what was logged, if it is to be kept."""
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
        ways = {name: self.containers.way(process) for name, process in processes.items()}
        self.containers.start(list(processes))
        return ways

    def hint(self, name: str) -> str:
        """Nothing is known of where a container listens."""
        return ""

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Signal containers."""
        self.containers.end(names, number)

    def pause(self, name: str) -> None:
        """Freeze a container; return when it is seen frozen."""
        self.containers.freeze(name)
        self._see(name, frozen=True)

    def resume(self, name: str) -> None:
        """Let a container go on; return when it is seen going."""
        if self.containers.facts(name).paused:
            self.containers.thaw(name)
        self._see(name, frozen=False)

    def _see(self, name: str, *, frozen: bool) -> None:
        if self.containers.facts(name).paused is not frozen:
            raise TestbedError(f"{name} is not seen {'paused' if frozen else 'going on'}, whatever the daemon has said")

    def throttle(self, name: str, share: float) -> None:
        """Let a container have only this share of one processor, by the kernel's own quota."""
        self.containers.throttle(name, share) if share < 1 else self.containers.free(name)

    def confine(self, name: str, mb: int) -> None:
        """Limit the memory of a container, swap included."""
        self.containers.confine(name, mb)

    def free(self, name: str) -> None:
        """Take all limits off a container."""
        self.containers.free(name)

    def cannot(self, action: str) -> str:
        """Why the daemon cannot limit "cpu" or "memory", "" if it can."""
        return refuse_to_limit(self._lease.engine.info, action)

    def pid(self, name: str) -> int:
        """Return the pid, on the daemon's machine, of a container's first process."""
        return self.containers.facts(name).pid

    def log_tail(self, name: str, lines: int) -> str:
        """Return the last lines of a container's log; "" once it is removed."""
        return "" if self._closed else self.containers.log(name, lines).rstrip("\n")

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time of all lives of a process but for those that died unexpectedly."""
        return self.containers.cpu_seconds(name)

    def reach(self, address: str) -> str:
        """Return where an address of the plan is published on loopback.

        One that is not, such as that of a second replica on a node, is reached over the run's own network.
        """
        return self.containers.published.get(address, address)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words that run a tool of ours in a process's network; `Unsupported` if we may not enter it."""
        return self.containers.inside(name)
