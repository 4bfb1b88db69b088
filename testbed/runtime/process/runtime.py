"""The `process` runtime: a plan as ordinary processes on loopback addresses, none of which outlives its owner."""

from __future__ import annotations

import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.errors import TestbedError, nearest
from testbed.plan.values import File, Ground, Process, as_planned
from testbed.runtime import AddressSpace, Death, NotReady, Tell, folder, proc
from testbed.runtime.cgroups import Group, Memory
from testbed.runtime.messages import ANYWHERE, keys_for, lateness, quoted
from testbed.runtime.probes import probe
from testbed.runtime.process import netns, programs, wildcards
from testbed.runtime.process.crew import Crew
from testbed.runtime.process.lease import Lease, lease_block
from testbed.runtime.process.preflight import check_addresses
from testbed.runtime.readiness import wait_ready
from testbed.runtime.start_order import waves
from testbed.runtime.tools import binaries, commands

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

READY_S = 20.0  # for a process to be ready
SEEN_S = 10.0  # for a signal to show its effect; at once, unless the machine has far too much to do
RELAY = "relay"  # the program that connects a network of an app's own with the run's
Seen = Callable[[set[str]], bool]  # whether an effect shows in the states of a process's threads
GRACE_S = 0.2  # for the apps to end by themselves when the run is stopped


class ProcessRuntime:
    """Runs one plan in `directory`, which it makes (it must be new or empty) and removes at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. However its owner ends, its processes and the directory go within 2 s.
    """

    def __init__(self, directory: Path, lease: Lease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        self._directory, self._lease, self._keep, self._ready_s = directory.absolute(), lease, keep, ready_s
        self._processes: dict[str, Process] = {}
        self._tools: dict[str, str] = {}
        self._crew: Crew | None = None
        self._stopped = False
        self._memory = Memory(note=self._note_group)

    # -- where it runs

    @classmethod
    def lease(cls) -> Lease:
        """Lease a block of loopback addresses. Raises `TestbedError` when all are taken."""
        return lease_block()

    def reach(self, address: str) -> str:
        """Every address of the plan is this machine's own."""
        return as_planned(address)

    def inside(self, name: str) -> tuple[str, ...]:
        """All links are in our own network, where those of an app that has one for itself are relayed to."""
        self._process(name)
        return ()

    # -- the whole run

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        """Write the files, start all processes at once, return when all are ready.

        Raises `TestbedError` (`Unavailable` for a missing binary) with nothing left running: when an address is in
        use, or a process ends or is not ready in time.
        """
        if self._crew is not None:
            raise TestbedError("this runtime has been started already")
        self._processes = {process.name: process for process in processes}
        tools = {p.argv[0] for p in processes if not p.own} | {RELAY for p in processes if p.network}
        self._tools = {tool: str(binaries.find(tool)) for tool in tools}
        check_addresses(processes)
        folder.make(self._directory)
        self._crew = Crew(self._directory, self._lease, self._keep)
        try:
            self.write(files)
            self._launch(self._processes)
        except BaseException:
            self.stop()
            raise

    def write(self, files: Iterable[File]) -> None:
        """Write files below the run's folder, in the place of those that are there."""
        folder.write(self._directory, files)

    def stop(self) -> None:
        """End everything, verified, and remove the directory unless it is to be kept; a second call does nothing."""
        if self._crew is not None and not self._stopped:
            self._stopped = True
            self._crew.stop(GRACE_S)
            if not self._keep and self._directory.exists():
                self._tidy()

    # -- one process

    def kill(self, name: str) -> None:
        """SIGKILL a process and its group; return when it has been reaped."""
        self.pid(name)  # it must run, or there is nothing to kill
        self._kill_all([name])

    def pause(self, name: str) -> None:
        """SIGSTOP a process and its group; return when all its threads are seen in state T."""
        self._send(name, signal.SIGSTOP, _stopped, "stopped")

    def resume(self, name: str) -> None:
        """SIGCONT a process and its group; return when none of its threads is in state T."""
        self._send(name, signal.SIGCONT, _going, "going on")

    def restart(self, name: str) -> None:
        """Start a process again as it was started first, after killing it if it lives; return when it is ready."""
        self.restart_all([name])

    def restart_all(self, names: Iterable[str]) -> None:
        """Restart several processes at the same time."""
        again = {name: self._process(name) for name in names}
        self._kill_all(list(again))
        self._launch(again)

    def terminate(self, name: str, within_s: float) -> None:
        """SIGTERM a process and its group, SIGKILL those left after `within_s`; return when it has been reaped."""
        self.pid(name)  # it must run, or there is nobody to ask
        self._running().signal(name, signal.SIGTERM)
        self._running().wait(lambda: not self.alive(name), within_s)
        self._kill_all([name])

    def throttle(self, name: str, share: float) -> None:
        """Stop and continue a process and its group in short turns; return when it has been seen stopped."""
        pid = self.pid(name)
        self._throttle(name, share)
        self._see(name, pid, _stopped, "stopped between its turns", pause_s=0.0002)

    def unthrottle(self, name: str) -> None:
        """End the turns; return when none of its threads is in state T."""
        if self.alive(name):
            pid = self.pid(name)
            self._throttle(name, 1)
            self._see(name, pid, _going, "going on")

    def confine(self, name: str, mb: int) -> None:
        """Restart a process in a control group of its own with this limit; return when it is ready.

        Raises `TestbedError` if it does not come up within so little memory.
        """
        process, group = {name: self._process(name)}, self._memory.group(self._lease.block, mb)
        self._kill_all([name])
        deaths = self._running().deaths
        known = len(deaths)
        try:
            self._launch(process, group)
        except TestbedError as error:
            deaths[known:] = [death for death in deaths[known:] if death.name != name]  # this error tells of it
            raise TestbedError(f"{name} does not come up with {mb} MiB of memory: {error}") from error

    def cannot(self, action: str) -> str:
        """Why an action is not possible on this machine, "" if it is."""
        return self._memory.missing if action == "memory" else ""

    def alive(self, name: str) -> bool:
        """Whether a process runs; a paused one does."""
        self._process(name)
        member = self._running().member(name)
        return member is not None and member.alive

    def pid(self, name: str) -> int:
        """Return the pid of a running process; `TestbedError` if it does not run."""
        crew, member = self._running(), self._running().member(self._process(name).name)
        if member is None or not (crew.wait(lambda: bool(member.pid), SEEN_S) and member.alive):
            raise TestbedError(f"{name} is not running" + (f" ({member.end})" if member and member.end else ""))
        return member.pid

    def end_of(self, name: str) -> str:
        """Return how the last life of a process ended ("exit code 3", "killed by SIGSEGV"), "" while it runs."""
        member = self._running().member(self._process(name).name)
        return member.end if member else ""

    def deaths(self) -> list[Death]:
        """Return all ends of processes that nobody had asked for, oldest first.

        Raises `TestbedError` if the reaper itself has died.
        """
        crew = self._running()
        if not self._stopped:
            crew.check()
        return list(crew.deaths)

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last lines of a process's log, all its lives included; "" once the directory is removed."""
        try:
            with open(self._running().log(self._process(name).name), errors="replace") as log:
                return "".join(deque(log, maxlen=lines)).rstrip("\n")
        except FileNotFoundError:
            return ""

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time that a process has used, earlier lives included (resolution 10 ms)."""
        return self._running().cpu_seconds(self._process(name).name)

    # -- how it is done

    def _note_group(self, folder: str) -> None:
        """Leave it to the reaper to remove a control group, whatever becomes of us."""
        from testbed.runtime.process.reaper import GROUPS

        with open(self._directory / GROUPS, "a") as file:
            file.write(f"{folder}\n")

    def _running(self) -> Crew:
        if self._crew is None:
            raise TestbedError("this runtime has not been started")
        return self._crew

    def _process(self, name: str) -> Process:
        if name not in self._processes:
            raise TestbedError(f"no process called {name!r}{nearest(name, self._processes)}")
        return self._processes[name]

    def _tidy(self) -> None:
        """Do what is left to do where both halves of the reaper have been killed."""
        from testbed.runtime.orphans import processes
        from testbed.runtime.process.reaper import remove_groups

        processes.remove(processes.living_in(str(self._directory)))
        remove_groups(str(self._directory))
        shutil.rmtree(self._directory, ignore_errors=True)

    def _launch(self, processes: Mapping[str, Process], within: Group | None = None) -> None:
        """Spawn processes and wait until all are ready: the testbed's at once, the user's as they need each other."""
        for wave in waves(processes):
            self._launch_wave(wave, within)

    def _launch_wave(self, processes: Mapping[str, Process], within: Group | None) -> None:
        crew = self._running()
        ways = {}
        for name, process in processes.items():
            env = {
                **self._environment(process),
                **{key: folder.filled(value, self._directory) for key, value in process.env.items()},
            }
            enter = partial(self._entering, name) if process.network else None
            ways[name] = probe(process.ready, crew.log(name), env, process.cwd, enter)
            crew.spawn(
                name,
                self._argv(process),
                env,
                gentle=process.role == "app",
                within=within,
                cwd=process.cwd,
                apart=self._apart(process),
            )
        own_s = {name: p.ready.within_s for name, p in processes.items() if p.ready.within_s is not None}
        late = wait_ready(ways, self._ready_s, lambda: self._none_ended(processes), own_s)
        if late:
            told = {name: late[name] + self._listening(name) for name in late}
            raise TestbedError(lateness(told, self._ready_s, self._processes, self.log_tail))

    def _argv(self, process: Process) -> list[str]:
        return [self._program(process), *(folder.filled(word, self._directory) for word in process.argv[1:])]

    def _program(self, process: Process) -> str:
        """Return the path of what a process runs."""
        if process.own:
            return commands.program(folder.filled(process.argv[0], self._directory), Path(process.cwd))
        return self._tools[process.argv[0]]

    def _apart(self, process: Process) -> dict[str, object] | None:
        """Say how a network of the process's own is made, if it has one."""
        address = process.listens[0] if process.listens else ""
        return {"relay": self._tools[RELAY], "address": address, **asdict(process.network)} if process.network else None

    def _entering(self, name: str) -> Sequence[str]:
        """Return the words that, put before a command, run it in the network of a process's own."""
        member = self._running().member(name)
        return netns.entering(member.pid if member else 0)

    def _environment(self, process: Process) -> dict[str, str]:
        """Small and the same everywhere, so that nothing of the owner's gets in; the user's own have the user's."""
        return (commands.inherited() if process.own else {}) | folder.environment(self._directory)

    def _none_ended(self, names: Iterable[str]) -> None:
        crew = self._running()
        crew.check()
        for name in names:
            member = crew.member(name)
            if member is not None and not member.alive:
                raise NotReady(f"{name} ended before it was ready ({member.end}){quoted(self.log_tail(name))}", name)

    def _listening(self, name: str) -> str:
        """Say where one of the user's own does listen, if it is not where it should."""
        process, member = self._processes[name], self._running().member(name)
        there = proc.listening(member.pid) if process.own and member and member.pid else []
        own = process.network
        right = [f"{ip}:{own.port}" for ip in ANYWHERE] if own else process.listens
        elsewhere = [one for one in there if one not in right and not (own and one in own.doors)]
        if not elsewhere:
            return ""
        return f"; it listens on {', '.join(elsewhere)} instead of {right[0]} ({keys_for(elsewhere[0], right[0])})"

    def _kill_all(self, names: Sequence[str]) -> None:
        crew = self._running()
        for name in filter(self.alive, names):
            crew.signal(name, signal.SIGKILL)
        if not crew.wait(lambda: not any(self.alive(name) for name in names), SEEN_S):
            raise TestbedError(f"killed, but not seen dead within {SEEN_S:g} s: {', '.join(filter(self.alive, names))}")

    def _throttle(self, name: str, share: float) -> None:
        crew = self._running()
        crew.throttle(name, share)
        if not crew.wait(lambda: (member := crew.member(name)) is not None and member.share == share, SEEN_S):
            raise TestbedError(f"{name} was to get {share:g} of a processor, but the reaper has not confirmed it")

    def _send(self, name: str, number: signal.Signals, seen: Seen, effect: str) -> None:
        """Signal a process and watch its threads until the effect is seen."""
        pid = self.pid(name)
        self._running().signal(name, number)
        self._see(name, pid, seen, f"{effect} after {number.name}")

    def _see(self, name: str, pid: int, seen: Seen, effect: str, pause_s: float = 0.001) -> None:
        deadline = time.monotonic() + SEEN_S
        while time.monotonic() < deadline and self.alive(name):
            states = proc.states(pid)
            if states and not states & set("ZX") and seen(states):
                return
            time.sleep(pause_s)
        state = "".join(sorted(proc.states(pid))) or "gone"
        raise TestbedError(f"{name} (pid {pid}) is not seen {effect}: state {state}")

    # -- before the start

    @classmethod
    def prepare(cls, topology: Topology, tell: Tell) -> None:
        """Build and find the programs of the user's own services. Raises `TopologyError` for what is not there."""
        programs.prepare(topology, tell)

    @classmethod
    def address_space(cls, ground: Ground, topology: Topology) -> AddressSpace:
        """Return the block with what the apps need that listen on all addresses."""
        return wildcards.address_space(ground, topology)


def _stopped(states: set[str]) -> bool:
    """All threads stand still."""
    return states <= {"T", "t"}


def _going(states: set[str]) -> bool:
    """No thread stands still."""
    return not states & {"T", "t"}
