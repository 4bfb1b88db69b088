"""The `docker` runtime: the same plan as containers, one for each process, on a network of the run's own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.errors import TestbedError, nearest
from testbed.plan.values import File, Ground, Process
from testbed.runtime import AddressSpace, Death, NotReady, Tell, folder
from testbed.runtime.docker import images
from testbed.runtime.docker.fleet import Fleet, refuse_to_limit
from testbed.runtime.docker.lease import DockerLease, lease_network
from testbed.runtime.docker.pods import Yard, container, holder, pods
from testbed.runtime.messages import lateness, quoted
from testbed.runtime.readiness import wait_ready
from testbed.runtime.start_order import waves
from testbed.runtime.tools import binaries

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

READY_S = 30.0  # for a process to be ready
SEEN_S = 10.0  # for an order to show its effect
GRACE_S = 0.2  # for the apps to end by themselves when the run is stopped


class DockerRuntime:
    """Runs one plan; `directory` is made (it must be new or empty) and removed at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. However its owner ends, its containers, their network and the directory go
    within 2 s; should the reaper be killed too, the next start sweeps them.
    """

    def __init__(self, directory: Path, lease: DockerLease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        self._directory, self._lease, self._keep, self._ready_s = directory.absolute(), lease, keep, ready_s
        self._processes: dict[str, Process] = {}
        self._fleet: Fleet | None = None
        self._stopped = False

    # -- where it runs

    @classmethod
    def lease(cls) -> DockerLease:
        """Lease a network. Raises `Unavailable` if there is no daemon that this user may use."""
        return lease_network()

    def reach(self, address: str) -> str:
        """Return where an address of the plan is published on loopback.

        One that is not, such as that of a second replica on a node, is reached over the run's own network.
        """
        return self._running().published.get(address, address)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words that run a tool of ours in a process's network; `Unsupported` if we may not enter it."""
        return self._running().inside(self._process(name).name)

    # -- the whole run

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        """Write the files, start all containers, return when all are ready.

        Raises `TestbedError` (`Unavailable` for a missing image or binary) with nothing left running.
        """
        if self._fleet is not None:
            raise TestbedError("this runtime has been started already")
        self._processes = {process.name: process for process in processes}
        yard = self._yard()
        images.check(self._lease.engine, {process.image: process.name for process in processes if process.image})
        folder.make(self._directory)
        if not self._keep:
            self._lease.guard.folder(self._directory)
        self._fleet = Fleet(self._lease)
        try:
            self.write(files)
            self._raise(self._fleet, yard)
        except BaseException:
            self.stop()
            raise

    def _raise(self, fleet: Fleet, yard: Yard) -> None:
        """Make the pods, then what runs in them."""
        all_pods = pods(self._processes.values(), self._lease.routed)
        environment = folder.environment(self._directory)
        fleet.hold(all_pods, {pod.name: holder(pod, yard) for pod in all_pods})
        processes = [(self._processes[name], pod) for pod in all_pods for name in pod.processes]
        fleet.make({process.name: container(process, pod, yard, environment) for process, pod in processes})
        self._launch(list(self._processes))

    def _yard(self) -> Yard:
        tools = {process.argv[0] for process in self._processes.values() if not process.image}
        return Yard(
            network=self._lease.name,
            labels=self._lease.labels,
            image=images.base_image(),
            user=f"{os.getuid()}:{os.getgid()}",
            folder=self._directory,
            tools={tool: binaries.find(tool) for tool in tools},
        )

    def write(self, files: Iterable[File]) -> None:
        """Write files below the run's folder, in the place of those that are there."""
        folder.write(self._directory, files)

    def stop(self) -> None:
        """End everything, verified, and remove the directory unless it is to be kept; a second call does nothing."""
        if self._fleet is None or self._stopped:
            return
        self._stopped = True
        try:
            with suppress(TestbedError):  # a daemon that has gone, which `remove` knows how to deal with
                self._end_gently(self._fleet)
            self._fleet.remove()
        finally:
            if not self._keep:
                shutil.rmtree(self._directory, ignore_errors=True)

    def _end_gently(self, fleet: Fleet) -> None:
        """Give the apps a moment to end by themselves; then keep what was logged, if it is to be kept."""
        apps = [name for name, process in self._processes.items() if process.role == "app" and self._lives(name)]
        fleet.end(apps, signal.SIGTERM)
        fleet.watch.wait(lambda: not any(map(self._lives, apps)), GRACE_S)
        if self._keep:
            for name in self._processes:
                folder.log_of(name, self._directory).write_text(fleet.log(name, "all"))

    # -- one process

    def kill(self, name: str) -> None:
        """Kill a container; return when it has been seen dead."""
        self._alive(name)  # it must run, or there is nothing to kill
        self._kill_all([name])

    def pause(self, name: str) -> None:
        """Freeze a container; return when it is seen frozen."""
        self._alive(name).freeze(name)
        self._see(name, frozen=True)

    def resume(self, name: str) -> None:
        """Let a container go on; return when it is seen going."""
        fleet = self._alive(name)
        if fleet.facts(name).paused:
            fleet.thaw(name)
        self._see(name, frozen=False)

    def restart(self, name: str) -> None:
        """Start a container again, without limits, after killing it if it lives; return when it is ready."""
        self.restart_all([name])

    def restart_all(self, names: Iterable[str]) -> None:
        """Restart several containers at the same time."""
        again = [self._process(name).name for name in names]
        self._kill_all(again)
        for name in again:
            self._running().free(name)
        self._launch(again)

    def terminate(self, name: str, within_s: float) -> None:
        """SIGTERM to a container, SIGKILL if it has not ended after `within_s`; return when it has been seen dead."""
        fleet = self._alive(name)
        fleet.end([name], signal.SIGTERM)
        fleet.watch.wait(lambda: not self._lives(name), within_s)
        self._kill_all([name])

    def throttle(self, name: str, share: float) -> None:
        """Let a container have only this share of one processor, by the kernel's own quota."""
        fleet = self._alive(name)
        fleet.throttle(name, share) if share < 1 else fleet.free(name)

    def unthrottle(self, name: str) -> None:
        """Let it have as much as it likes again; nothing to do if it has died meanwhile."""
        if self.alive(name):
            self._running().free(name)

    def confine(self, name: str, mb: int) -> None:
        """Restart a container with this limit of memory, swap included; return when it is ready.

        Raises `TestbedError` if it does not come up within so little memory.
        """
        fleet = self._running()
        self._kill_all([self._process(name).name])
        known = len(fleet.watch.deaths)
        try:
            fleet.confine(name, mb)
            self._launch([name])
        except TestbedError as error:
            fleet.watch.forget_deaths(name, known)
            raise TestbedError(f"{name} does not come up with {mb} MiB of memory: {error}") from error

    def cannot(self, action: str) -> str:
        """Why the daemon cannot limit "cpu" or "memory", "" if it can."""
        return refuse_to_limit(self._lease.engine.info, action)

    def alive(self, name: str) -> bool:
        """Whether a container runs; a paused one does."""
        self._running()
        return self._lives(self._process(name).name)

    def pid(self, name: str) -> int:
        """Return the pid, on the daemon's machine, of a running container's first process."""
        return self._alive(name).facts(name).pid

    def deaths(self) -> list[Death]:
        """Return all ends of containers that nobody had asked for, oldest first.

        Raises `TestbedError` if the daemon has died, or a pod has lost its network.
        """
        fleet = self._running()
        if not self._stopped:
            fleet.watch.check()
        return list(fleet.watch.deaths)

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last lines of a container's log, all its lives included; "" once it is removed."""
        fleet = self._running()
        return "" if self._stopped else fleet.log(self._process(name).name, lines).rstrip("\n")

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time of a process, earlier lives included but for those that died unexpectedly."""
        return self._running().cpu_seconds(self._process(name).name)

    # -- how it is done

    def _running(self) -> Fleet:
        if self._fleet is None:
            raise TestbedError("this runtime has not been started")
        return self._fleet

    def _process(self, name: str) -> Process:
        if name not in self._processes:
            raise TestbedError(f"no process called {name!r}{nearest(name, self._processes)}")
        return self._processes[name]

    def _lives(self, name: str) -> bool:
        member = self._running().watch.member(name)
        return member is not None and member.alive

    def _alive(self, name: str) -> Fleet:
        """Return the fleet if a process runs; `TestbedError` if it does not."""
        fleet, member = self._active(), self._running().watch.member(self._process(name).name)
        if member is None or not member.alive:
            raise TestbedError(f"{name} is not running" + (f" ({member.end})" if member and member.end else ""))
        return fleet

    def _active(self) -> Fleet:
        """Return the fleet, unless it is none any more."""
        if self._stopped:
            raise TestbedError("this run has been stopped")
        self._running().watch.check()
        return self._running()

    def _launch(self, names: Sequence[str]) -> None:
        """Start containers and wait until all are ready: the testbed's at once, the user's as they need each other."""
        for wave in waves({name: self._processes[name] for name in names}):
            self._launch_wave(wave)

    def _launch_wave(self, processes: Mapping[str, Process]) -> None:
        fleet, names = self._active(), list(processes)
        ways = {name: fleet.way(process) for name, process in processes.items()}
        fleet.start(names)
        own_s = {name: one.ready.within_s for name, one in processes.items() if one.ready.within_s is not None}
        late = wait_ready(ways, self._ready_s, lambda: self._none_ended(names), own_s)
        if late:
            raise TestbedError(lateness(late, self._ready_s, self._processes, self.log_tail))

    def _none_ended(self, names: Iterable[str]) -> None:
        fleet = self._active()
        for name in names:
            member = fleet.watch.member(name)
            if member is not None and not member.alive:
                raise NotReady(f"{name} ended before it was ready ({member.end}){quoted(self.log_tail(name))}", name)

    def _kill_all(self, names: Sequence[str]) -> None:
        fleet = self._active()
        fleet.end(filter(self._lives, names))
        if not fleet.watch.wait(lambda: not any(map(self._lives, names)), SEEN_S):
            fleet.watch.check()
            raise TestbedError(
                f"killed, but not seen dead within {SEEN_S:g} s: {', '.join(filter(self._lives, names))}"
            )

    def _see(self, name: str, *, frozen: bool) -> None:
        if self._running().facts(name).paused is not frozen:
            raise TestbedError(f"{name} is not seen {'paused' if frozen else 'going on'}, whatever the daemon has said")

    # -- before the start

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Refuse commands of this machine's with `TopologyError`; whether images are there is seen at the start."""
        for name, service in topology.services.items():
            if service.command and not service.image:
                text = (
                    "a command of this machine's does not run in a container: give the service an image, or an address"
                )
                raise topology.error(("services", name, "command"), text)

    @classmethod
    def address_space(cls, ground: Ground, topology: Topology) -> AddressSpace:
        """Every replica has a network of its own, so that all ports are free."""
        return AddressSpace(ground)
