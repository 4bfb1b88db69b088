"""The backend of the `process` runtime: processes on this machine, with one reaper as their parent."""

from __future__ import annotations

import shutil
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import Process
from testbed.runtime import proc, sockets
from testbed.runtime.cgroups import Group, Memory
from testbed.runtime.folder import filled, log_of
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask, probe
from testbed.runtime.process import execution, listening, netns
from testbed.runtime.process.effects import Seen, going, see, stopped
from testbed.runtime.process.lease import Lease
from testbed.runtime.process.preflight import check_addresses
from testbed.runtime.process.reaper_client import ProcessLife, ReaperClient
from testbed.runtime.supervised import SEEN_S
from testbed.runtime.tools import commands

GRACE_S = 0.2  # time for the apps to end after SIGTERM when the run stops


class ProcessBackend:
    """Implements `testbed.runtime.backend.Backend`. Most methods are one order.

    If its owner dies, the processes and the folder are removed within 2 s.
    """

    def __init__(self, directory: Path, lease: Lease, keep: bool) -> None:
        self.lives: Lives[ProcessLife] = Lives()
        self._directory, self.lease, self._keep = directory.absolute(), lease, keep
        self._processes: dict[str, Process] = {}
        self._tools: dict[str, str] = {}
        self._groups: dict[str, Group] = {}  # for the next starts of processes with a memory limit
        self.memory = Memory(note=self._note_group)
        self._begun: ReaperClient | None = None

    # -- the whole run

    def require(self, processes: Sequence[Process]) -> None:
        """Find the programs. Raise if one is missing or an address is in use."""
        self._processes = {process.name: process for process in processes}
        self._tools = execution.tools(processes)
        check_addresses(processes)

    def begin(self, processes: Sequence[Process]) -> None:
        """Start the reaper."""
        self._begun = ReaperClient(self.lives, self._directory, self.lease, self._keep)

    @property
    def reaper(self) -> ReaperClient:
        """The reaper, which receives all orders."""
        if self._begun is None:
            raise TestbedError("this runtime is not started")
        return self._begun

    def check(self) -> None:
        """Raise if the reaper has died."""
        self.reaper.check()

    def close(self) -> None:
        """Stop everything. The reaper removes the folder."""
        if self._begun is not None:
            self._begun.stop(GRACE_S)
        if not self._keep and self._directory.exists():
            self._clean_up()

    def _clean_up(self) -> None:
        """Remove the rest if both processes of the reaper were killed."""
        from testbed.runtime.orphans import processes
        from testbed.runtime.process.reaper import remove_groups

        processes.remove(processes.living_in(str(self._directory)))
        remove_groups(str(self._directory))
        shutil.rmtree(self._directory, ignore_errors=True)

    # -- one process

    def launch(self, processes: Mapping[str, Process]) -> dict[str, str | Ask]:
        """Make the reaper start processes."""
        return {name: self._launch(process) for name, process in processes.items()}

    def _launch(self, process: Process) -> str | Ask:
        env, log = execution.environment(process, self._directory), log_of(process.name, self._directory)
        enter = partial(self._entering, process.name) if process.network else None
        ready = replace(process.ready, url=filled(process.ready.url, self._directory))
        condition = probe(ready, log, env, process.cwd, enter)
        self.reaper.spawn(
            process.name,
            self._argv(process),
            env,
            graceful=process.role == "app",
            within=self._groups.get(process.name),
            cwd=process.cwd,
            network=execution.network(process, self._tools),
        )
        return condition

    def _argv(self, process: Process) -> list[str]:
        return execution.argv(process, self._tools, self._directory)

    def _entering(self, name: str) -> Sequence[str]:
        """Return the words to put before a command so that it runs in the network of a process."""
        member = self.lives.get(name)
        return netns.entering(member.pid if member else 0)

    def hint(self, name: str) -> str:
        """Return where a custom service listens, if it is the wrong address."""
        process, member = self._processes[name], self.lives.get(name)
        return listening.wrong_address(process, member.pid) if process.custom and member and member.pid else ""

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to processes and their descendants; SIGTERM as to PID 1 of a container."""
        for name in names:
            if number == signal.SIGTERM:
                self.reaper.terminate(name, heard=self.handles_sigterm(name))
            else:
                self.reaper.signal(name, number)

    def handles_sigterm(self, name: str) -> bool:
        """Whether a process has a handler for SIGTERM."""
        return proc.handles(self.pid(name), signal.SIGTERM)

    def is_listening(self, name: str) -> bool:
        """Return whether a running process still accepts connections at its address."""
        process, member = self._processes[name], self.lives.get(name)
        if process.network:  # its relay listens for it here
            return member is None or proc.listens(member.pid, process.network.port)
        ip, _, port = process.listens[0].rpartition(":")
        return sockets.inode_of_listener(ip, int(port)) != 0

    @contextmanager
    def refusing(self, name: str, addresses: Sequence[str]) -> Iterator[Callable[[], None]]:
        """Let the reaper borrow listeners of a process, which it may as the parent; the value makes them refuse."""
        self.reaper.borrow(name, addresses)
        try:
            yield lambda: self.reaper.refuse(addresses)
        finally:
            self.reaper.give_back(addresses)

    def pause(self, name: str) -> None:
        """Send SIGSTOP to a process and its descendants. Return when all their threads are in state T."""
        self._signal(name, signal.SIGSTOP, stopped, "stopped")

    def resume(self, name: str) -> None:
        """Send SIGCONT to a process and its descendants. Return when none of their threads is in state T."""
        self._signal(name, signal.SIGCONT, going, "running")

    def _signal(self, name: str, number: signal.Signals, seen: Seen, effect: str) -> None:
        pid = self.pid(name)
        self.reaper.signal(name, number)
        self._see(name, pid, seen, f"{effect} after {number.name}")

    def _see(self, name: str, pid: int, seen: Seen, effect: str) -> None:
        see(name, pid, seen, effect, alive=lambda: self.lives.alive(name), within_s=SEEN_S)

    def throttle(self, name: str, share: float) -> None:
        """Make the reaper stop and continue a process and its descendants in turns. Return when it is observed."""
        pid = self.pid(name)
        self.reaper.throttle(name, share)
        if not self.lives.wait(lambda: (member := self.lives.get(name)) is not None and member.share == share, SEEN_S):
            raise TestbedError(f"the reaper has not confirmed the limit of {share:g} CPU for {name}")
        free = share >= 1
        self._see(name, pid, going if free else stopped, "running" if free else "stopped between its turns")

    def confine(self, name: str, mb: int) -> None:
        """Put the next starts of a process into a control group."""
        self._groups[name] = self.memory.group(self.lease.block, mb)

    def free(self, name: str) -> None:
        """Remove the control group for the next starts. A CPU limit ended with the process."""
        self._groups.pop(name, None)

    def cannot(self, action: str) -> str:
        """Return why an action is not possible on this machine, "" if it is possible."""
        return self.memory.missing if action == "memory" else ""

    def _note_group(self, folder: str) -> None:
        """Record a control group, so that the reaper removes it even if this process dies."""
        from testbed.runtime.process.reaper import GROUPS

        with open(self._directory / GROUPS, "a") as file:
            file.write(f"{folder}\n")

    def pid(self, name: str) -> int:
        """Return the pid, as soon as the reaper has reported it."""
        member = self.lives.get(name)
        self.lives.wait(lambda: member is not None and (bool(member.pid) or not member.alive), SEEN_S)
        self.lives.require(name)
        return member.pid if member else 0

    def log_tail(self, name: str, lines: int) -> str:
        """Return the last log lines of a process; "" after the directory is removed."""
        try:
            with open(log_of(name, self._directory), errors="replace") as log:
                return "".join(deque(log, maxlen=lines)).rstrip("\n")
        except FileNotFoundError:
            return ""

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts (resolution 10 ms)."""
        return self.reaper.cpu_seconds(name)

    def execute(self, name: str, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Run a command with the environment and the folder of a process, and in its network."""
        process = self._processes[name]
        env, cwd = execution.environment(process, self._directory), Path(process.cwd or self._directory)
        before = self._entering(name) if process.network else ()
        return commands.run([*before, commands.program(words[0], cwd), *words[1:]], cwd, env, timeout_s)

    def reach(self, address: str) -> str:
        """Return the address with the folder of the run in it: all addresses of the plan are on this machine."""
        return filled(address, self._directory)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return (): all links are in our network. Relays connect apps that have their own network namespace."""
        return ()
