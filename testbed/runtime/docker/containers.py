"""The containers of one run: creates, starts, controls and removes them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import Unsupported
from testbed.plan.values import Process
from testbed.runtime import NotReady, proc
from testbed.runtime.docker import limits
from testbed.runtime.docker.engine import EngineGone, Facts, Refused, Spec, at_once
from testbed.runtime.docker.lease import DockerLease
from testbed.runtime.docker.leftovers import remove_run
from testbed.runtime.docker.pods import Pod
from testbed.runtime.docker.watch import ContainerLife, Watch
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask, health, line_in, lines_of, said_by
from testbed.runtime.tools.inventory import program


@dataclass
class ContainerHandle:
    """A container and its current life."""

    container: str
    pid: int = 0
    started: int = 0  # start time of that pid, to detect a recycled pid
    spent_s: float = 0.0  # CPU time before restarts
    limited: bool = False

    @property
    def is_here(self) -> bool:
        """Whether the container runs on this machine, so that it is visible in /proc."""
        with suppress(OSError):
            return self.container in Path(f"/proc/{self.pid}/cgroup").read_text()
        return False

    def begin(self, pid: int) -> None:
        """Record the process of its next life."""
        self.pid, self.started = pid, 0
        if self.is_here:
            self.started = proc.started(pid) or 0


class ContainerSet:
    """All containers of one run by process name, and the holder containers of the pods by pod name.

    It has a short method for each order of the backend.
    """

    def __init__(self, lives: Lives[ContainerLife], lease: DockerLease) -> None:
        self._lives, self._lease, self.engine = lives, lease, lease.engine
        self.watch = Watch(lives, self.engine, lease.run)
        self.handles: dict[str, ContainerHandle] = {}
        self._holders: dict[str, ContainerHandle] = {}
        self._homes: dict[str, str] = {}  # process -> pod
        self.published: dict[str, str] = {}  # "10.213.1.1:8080" -> "127.0.0.1:32768"

    # -- all of them

    def hold(self, pods: Sequence[Pod], specs: Mapping[str, Spec]) -> None:
        """Create and start the holders, which give every pod its network. Record the published ports."""
        at_once(lambda pod: self._hold(pod, specs[pod.name]), pods)
        self._tell_guard()

    def _hold(self, pod: Pod, spec: Spec) -> None:
        handle = self._holders[pod.name] = ContainerHandle(self.engine.create(spec))
        self.engine.start(handle.container)
        facts = self.engine.facts(handle.container)
        handle.begin(facts.pid)
        self._homes |= dict.fromkeys(pod.processes, pod.name)
        self.published |= {f"{pod.addresses[0]}:{port}": published for port, published in facts.ports.items()}

    def make(self, specs: Mapping[str, Spec]) -> None:
        """Create the containers of processes without starting them."""

        def one(name: str) -> None:
            self.handles[name] = ContainerHandle(self.engine.create(specs[name]))

        at_once(one, specs)

    def made(self) -> list[str]:
        """Return the processes that have a container."""
        return list(self.handles)

    def start(self, names: Sequence[str]) -> None:
        """Start containers that do not run. Raises `NotReady` if the daemon cannot start one."""
        self.watch.begins(names)
        try:
            at_once(self._start, names)
        finally:
            self._tell_guard()

    def _start(self, name: str) -> None:
        handle = self.handles[name]
        try:
            self.engine.start(handle.container)
        except Refused as refusal:
            self.watch.never_began(name)
            raise NotReady(f"{name} could not be started: {refusal}", name) from refusal
        handle.begin(self.engine.facts(handle.container).pid)

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to containers that are expected to end. `watch` reports their end."""
        names = list(names)
        self._lives.expect_exit(names)
        at_once(lambda name: self._end(name, number), names)

    def _end(self, name: str, number: signal.Signals) -> None:
        if number == signal.SIGKILL:
            self.handles[name].spent_s = self.cpu_seconds(name)
        self.engine.signal(self.handles[name].container, number)

    def remove(self) -> None:
        """Kill and remove everything. If the daemon is gone, kill the processes that this user may kill."""
        self.watch.close()
        try:
            remove_run(self.engine, self._lease.run)
        except EngineGone:
            for pid, started in self.pids().items():
                if proc.started(pid) == started:
                    with suppress(OSError):
                        os.kill(pid, signal.SIGKILL)

    # -- one of them

    def readiness(self, process: Process) -> str | Ask:
        """Return the readiness check for the next life of a process that does not run yet.

        A published port accepts connections even if no process listens behind it. So a tcp check uses the address in
        the network of the run.
        """
        handle, ready = self.handles[process.name], process.ready
        if ready.log:
            return line_in(lambda: lines_of(self.engine.log(handle.container)), ready.log)
        if ready.command:
            return lambda: _said(*self.engine.run(handle.container, ready.command))
        scheme, _, rest = ready.url.partition("://")
        address, slash, path = rest.partition("/")
        published = address if scheme == "tcp" else self.published.get(address, address)
        return health(published) if scheme == "grpc" else f"{scheme}://{published}{slash}{path}"

    def execute(self, name: str, words: Sequence[str]) -> tuple[int, str, str]:
        """Run a command in a container, and return exit code, stdout and stderr."""
        return self.engine.run(self.handles[name].container, words)

    def log(self, name: str, lines: int | str) -> str:
        """Return the last log lines of a process, including those before restarts."""
        return self.engine.log(self.handles[name].container, lines)

    def facts(self, name: str) -> Facts:
        """Return the state of a container."""
        return self.engine.facts(self.handles[name].container)

    def handles_sigterm(self, name: str) -> bool:
        """Return whether PID 1 of a container has a handler for SIGTERM; True if it is not on this machine."""
        pid = self.local_pid(name)
        return not pid or proc.handles(pid, signal.SIGTERM)

    def local_pid(self, name: str) -> int:
        """Return the pid of PID 1 of a container on this machine; 0 if it runs on another one."""
        handle = self.handles[name]
        return handle.pid if handle.is_here else 0

    def freeze(self, name: str) -> None:
        """Pause a container."""
        self.engine.pause(self.handles[name].container)

    def thaw(self, name: str) -> None:
        """Resume a container."""
        self.engine.unpause(self.handles[name].container)

    def throttle(self, name: str, share: float) -> None:
        """Limit a container to this share of one CPU."""
        self._limit(name, limits.processor(share))

    def confine(self, name: str, mb: int) -> None:
        """Limit the memory of a container, including swap."""
        self._limit(name, limits.memory(mb))

    def free(self, name: str) -> None:
        """Remove all limits from a container."""
        if self.handles[name].limited:
            self._limit(name, limits.NONE)
            self.handles[name].limited = False

    def _limit(self, name: str, wanted: Mapping[str, int]) -> None:
        self.handles[name].limited = True
        self.engine.limit(self.handles[name].container, **wanted)

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts, but not of an unexpected death."""
        handle = self.handles[name]
        if not self._lives.alive(name):
            return handle.spent_s
        here = handle.is_here
        return handle.spent_s + (proc.cpu_seconds(handle.pid) if here else self.engine.cpu_seconds(handle.container))

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words to run a command in the network of a process, which is that of its holder."""
        handle = self._holders[self._homes[name]]
        if not handle.is_here:
            raise Unsupported(
                f"the network of {name} is not on this machine: the Docker daemon runs on another one",
                lacks="far",
            )
        if os.geteuid() != 0:
            raise Unsupported(
                f"only root may enter the network of container {name}: run the tests as root", lacks="root"
            )
        return (program("nsenter", f"entering the network of {name}"), f"--net=/proc/{handle.pid}/ns/net")

    def pids(self) -> dict[int, int]:
        """All processes of the run on this machine, with their start times."""
        return {
            handle.pid: handle.started for handle in (*self._holders.values(), *self.handles.values()) if handle.started
        }

    def _tell_guard(self) -> None:
        self._lease.guard.watch(self.pids())


def _said(code: int, out: str, err: str) -> str:
    return said_by(code, err or out)
