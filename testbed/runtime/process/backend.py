"""The `process` runtime's backend: processes on this machine, behind one reaper that is their parent."""

from __future__ import annotations

import shutil
import signal
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import Process, as_planned
from testbed.runtime.cgroups import Group, Memory
from testbed.runtime.folder import log_of
from testbed.runtime.lives import Lives
from testbed.runtime.probes import Ask, probe
from testbed.runtime.process import execution, listening, netns
from testbed.runtime.process.effects import Seen, going, see, stopped
from testbed.runtime.process.lease import Lease
from testbed.runtime.process.preflight import check_addresses
from testbed.runtime.process.reaper_client import ProcessLife, ReaperClient
from testbed.runtime.supervised import SEEN_S

GRACE_S = 0.2  # for the apps to end by themselves when the run is stopped


class ProcessBackend:
    """Implements `testbed.runtime.backend.Backend`, and is as long as that protocol: most methods are one order.

    However its owner ends, the processes and the folder go within 2 s.
    """

    def __init__(self, directory: Path, lease: Lease, keep: bool) -> None:
        self.lives: Lives[ProcessLife] = Lives()
        self._directory, self._lease, self._keep = directory.absolute(), lease, keep
        self._processes: dict[str, Process] = {}
        self._tools: dict[str, str] = {}
        self._groups: dict[str, Group] = {}  # for the next lives of processes with a limit of memory
        self._memory = Memory(note=self._note_group)
        self._begun: ReaperClient | None = None

    # -- the whole run

    def require(self, processes: Sequence[Process]) -> None:
        """Find the programs; raise if one is missing or an address is in use."""
        self._processes = {process.name: process for process in processes}
        self._tools = execution.tools(processes)
        check_addresses(processes)

    def begin(self, processes: Sequence[Process]) -> None:
        """Start the reaper."""
        self._begun = ReaperClient(self.lives, self._directory, self._lease, self._keep)

    @property
    def reaper(self) -> ReaperClient:
        """The reaper, to which all orders go."""
        if self._begun is None:
            raise TestbedError("this runtime has not been started")
        return self._begun

    def check(self) -> None:
        """Raise if the reaper has died."""
        self.reaper.check()

    def close(self) -> None:
        """End everything; the reaper removes the folder."""
        if self._begun is not None:
            self._begun.stop(GRACE_S)
        if not self._keep and self._directory.exists():
            self._tidy()

    def _tidy(self) -> None:
        """Do what is left to do where both halves of the reaper have been killed."""
        from testbed.runtime.orphans import processes
        from testbed.runtime.process.reaper import remove_groups

        processes.remove(processes.living_in(str(self._directory)))
        remove_groups(str(self._directory))
        shutil.rmtree(self._directory, ignore_errors=True)

    # -- one process

    def launch(self, processes: Mapping[str, Process]) -> dict[str, str | Ask]:
        """Order processes from the reaper."""
        return {name: self._launch(process) for name, process in processes.items()}

    def _launch(self, process: Process) -> str | Ask:
        env, log = execution.environment(process, self._directory), log_of(process.name, self._directory)
        enter = partial(self._entering, process.name) if process.network else None
        way = probe(process.ready, log, env, process.cwd, enter)
        self.reaper.spawn(
            process.name,
            self._argv(process),
            env,
            graceful=process.role == "app",
            within=self._groups.get(process.name),
            cwd=process.cwd,
            network=execution.network(process, self._tools),
        )
        return way

    def _argv(self, process: Process) -> list[str]:
        return execution.argv(process, self._tools, self._directory)

    def _entering(self, name: str) -> Sequence[str]:
        """Return the words that, put before a command, run it in the network of a process's own."""
        member = self.lives.get(name)
        return netns.entering(member.pid if member else 0)

    def hint(self, name: str) -> str:
        """Say where one of the user's own does listen, if it is not where it should."""
        process, member = self._processes[name], self.lives.get(name)
        return listening.elsewhere(process, member.pid) if process.custom and member and member.pid else ""

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        """Signal processes and their groups."""
        for name in names:
            self.reaper.signal(name, number)

    def pause(self, name: str) -> None:
        """SIGSTOP a process and its group; return when all its threads are seen in state T."""
        self._signal(name, signal.SIGSTOP, stopped, "stopped")

    def resume(self, name: str) -> None:
        """SIGCONT a process and its group; return when none of its threads is in state T."""
        self._signal(name, signal.SIGCONT, going, "going on")

    def _signal(self, name: str, number: signal.Signals, seen: Seen, effect: str) -> None:
        pid = self.pid(name)
        self.reaper.signal(name, number)
        self._see(name, pid, seen, f"{effect} after {number.name}")

    def _see(self, name: str, pid: int, seen: Seen, effect: str) -> None:
        see(name, pid, seen, effect, alive=lambda: self.lives.alive(name), within_s=SEEN_S)

    def throttle(self, name: str, share: float) -> None:
        """Let the reaper stop and continue a process and its group in short turns; return when that has been seen."""
        pid = self.pid(name)
        self.reaper.throttle(name, share)
        if not self.lives.wait(lambda: (member := self.lives.get(name)) is not None and member.share == share, SEEN_S):
            raise TestbedError(f"{name} was to get {share:g} of a processor, but the reaper has not confirmed it")
        free = share >= 1
        self._see(name, pid, going if free else stopped, "going on" if free else "stopped between its turns")

    def confine(self, name: str, mb: int) -> None:
        """Let the next lives of a process be in a control group of its own."""
        self._groups[name] = self._memory.group(self._lease.block, mb)

    def free(self, name: str) -> None:
        """Let its next lives be in ours; the turns have ended with its last."""
        self._groups.pop(name, None)

    def cannot(self, action: str) -> str:
        """Why an action is not possible on this machine, "" if it is."""
        return self._memory.missing if action == "memory" else ""

    def _note_group(self, folder: str) -> None:
        """Leave it to the reaper to remove a control group, whatever becomes of us."""
        from testbed.runtime.process.reaper import GROUPS

        with open(self._directory / GROUPS, "a") as file:
            file.write(f"{folder}\n")

    def pid(self, name: str) -> int:
        """Return the pid, once the reaper has told it."""
        member = self.lives.get(name)
        self.lives.wait(lambda: member is not None and (bool(member.pid) or not member.alive), SEEN_S)
        self.lives.require(name)
        return member.pid if member else 0

    def log_tail(self, name: str, lines: int) -> str:
        """Return the last lines of a process's log; "" once the directory is removed."""
        try:
            with open(log_of(name, self._directory), errors="replace") as log:
                return "".join(deque(log, maxlen=lines)).rstrip("\n")
        except FileNotFoundError:
            return ""

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time of all lives of a process (resolution 10 ms)."""
        return self.reaper.cpu_seconds(name)

    def reach(self, address: str) -> str:
        """Every address of the plan is this machine's own."""
        return as_planned(address)

    def inside(self, name: str) -> tuple[str, ...]:
        """All links are in our own network, where those of an app that has one for itself are relayed to."""
        return ()
