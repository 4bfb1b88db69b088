"""The client of the reaper: sends it orders, and tracks the state of all processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from testbed import clock
from testbed.errors import TestbedError
from testbed.runtime import proc
from testbed.runtime.cgroups import Group
from testbed.runtime.folder import log_of
from testbed.runtime.lives import Life, Lives
from testbed.runtime.orphans import processes
from testbed.runtime.owner import MARK, me
from testbed.runtime.process import system
from testbed.runtime.process.lease import Lease

REAPER = Path(__file__).with_name("reaper.py")
STOP_S = 30.0  # time limit for the end of the reaper; it takes about 10 ms on an idle machine


@dataclass
class ProcessLife(Life):
    """The current or last life of a process."""

    pid: int = 0
    spent_s: float = 0.0  # CPU time before restarts
    share: float = 1.0  # of one CPU, as confirmed by the reaper


class ReaperClient:
    """All processes of one run, children of the reaper, with a short method for each order."""

    def __init__(self, lives: Lives[ProcessLife], directory: Path, lease: Lease, keep: bool) -> None:
        self._directory = directory
        self._lives, self._keep = lives, keep
        self.reaper_pids: tuple[int, ...] = ()  # guard, and worker after its hello event
        self._stopped = False
        self._writing = threading.Lock()
        self._reaper = self._start(lease, keep)
        self._reader = threading.Thread(target=self._read, name="testbed-reaper", daemon=True)
        self._reader.start()

    def _start(self, lease: Lease, keep: bool) -> subprocess.Popen[bytes]:
        arguments = [me(), lease.fileno(), self._directory, "keep" if keep else "remove"]
        with open(self._directory / "reaper.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(REAPER), *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, MARK: str(me())},
                start_new_session=True,
                pass_fds=[lease.fileno()],
            )

    def spawn(
        self,
        name: str,
        argv: Iterable[str],
        env: Mapping[str, str],
        graceful: bool,
        within: Group | None = None,
        cwd: str = "",
        network: Mapping[str, object] | None = None,
    ) -> None:
        """Order the start of a process. The default `cwd` is the folder of the run; `within` is its control group.

        A `graceful` process gets SIGTERM and a moment to end when the run stops. `network` has the arguments of
        `netns.settle`, for a process with its own network namespace.
        """
        with self._lives.locked() as lives:
            lives[name] = ProcessLife(alive=True, spent_s=lives.get(name, ProcessLife()).spent_s)
        log, cwd = str(self.log(name)), cwd or str(self._directory)
        group = asdict(within) if within else None
        words = {"argv": list(argv), "env": dict(env), "cwd": cwd, "log": log}
        self._order(do="spawn", name=name, graceful=graceful, within=group, network=network, **words)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Order a signal to a process and all its descendants. After SIGKILL its end is expected."""
        if number == signal.SIGKILL:
            self._lives.expect_exit([name])
        self._order(do="signal", name=name, signal=int(number))

    def terminate(self, name: str, *, heard: bool) -> None:
        """Order SIGTERM to a process alone. Its end is expected. A signal that it would not hear is not sent."""
        self._lives.expect_exit([name])
        if heard:
            self._order(do="terminate", name=name)

    def borrow(self, name: str, addresses: Sequence[str]) -> None:
        """Order to borrow listeners of a process; `refuse` or `give_back` follows."""
        self._order(do="borrow", name=name, addresses=list(addresses))

    def refuse(self, addresses: Sequence[str]) -> None:
        """Order that borrowed listeners refuse new connections."""
        self._order(do="refuse", addresses=list(addresses))

    def give_back(self, addresses: Sequence[str]) -> None:
        """Order to return borrowed listeners that need not refuse."""
        self._order(do="give_back", addresses=list(addresses))

    def throttle(self, name: str, share: float) -> None:
        """Order a limit to a share of one CPU for a process and its group; 1 removes the limit."""
        self._order(do="throttle", name=name, share=share)

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts."""
        with self._lives.locked() as lives:
            member = lives.get(name, ProcessLife())
            return member.spent_s + (proc.cpu_seconds(member.pid) if member.alive and member.pid else 0.0)

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return log_of(name, self._directory)

    def stop(self, grace_s: float) -> None:
        """Stop everything and wait for the reaper, which ends when it has no child left.

        A stopped reaper goes on first. Raises `TestbedError` for one that hangs; it is killed with all processes.
        """
        with self._lives.locked() as lives:
            for member in lives.values():
                member.exit_expected = True
        with suppress(TestbedError):
            self._order(do="stop", grace=grace_s)
        self._stopped = True
        with suppress(OSError):
            assert self._reaper.stdin is not None
            self._reaper.stdin.close()
        self._signal(signal.SIGCONT)
        try:
            self._reaper.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._kill()
            text = f"the reaper (pid {self._reaper.pid}) did not end within {STOP_S:g} s, so it was killed"
            raise TestbedError(text) from None
        finally:
            self._reader.join(STOP_S)

    def _signal(self, number: int) -> None:
        """Signal the worker, while it is a child of the guard, and then the guard."""
        for worker in self.reaper_pids[1:]:
            if system.parent_of(worker) == self._reaper.pid:
                system.send(worker, number)
        self._reaper.send_signal(number)

    def _kill(self) -> None:
        """Kill a reaper that hangs: the kernel kills its children with it; then kill the rest of the run."""
        self._signal(signal.SIGKILL)
        self._reaper.wait()
        processes.remove(processes.living_in(str(self._directory)))
        if not self._keep:
            shutil.rmtree(self._directory, ignore_errors=True)

    def check(self) -> None:
        """Raise `TestbedError` if the run is stopped, or if the reaper has died, and all processes with it."""
        if self._stopped:
            raise TestbedError("this run is stopped")
        if self._lives.lost:
            raise TestbedError("the reaper of this run has died, and all processes with it" + self._log_tail())

    def _log_tail(self) -> str:
        with suppress(OSError):
            return ":\n" + (self._directory / "reaper.log").read_text()[-2000:]
        return ""

    def _order(self, **order: object) -> None:
        self.check()
        line = (json.dumps(order) + "\n").encode()
        assert self._reaper.stdin is not None
        try:
            with self._writing:
                self._reaper.stdin.write(line)
                self._reaper.stdin.flush()
        except (OSError, ValueError) as error:
            raise TestbedError(f"the reaper of this run no longer accepts orders: {error}") from error

    def _read(self) -> None:
        """Read the events of the reaper until it ends. Runs in its own thread."""
        assert self._reaper.stdout is not None
        with self._reaper.stdout as reports:
            for line in reports:
                event = json.loads(line)
                getattr(self, f"_on_{event.pop('event')}")(**event)
        with self._lives.locked() as lives:
            for member in lives.values():
                member.alive, member.end = False, member.end or "the reaper has ended"
            self._lives.lose()

    def _on_hello(self, pid: int) -> None:
        self.reaper_pids = (self._reaper.pid, pid)

    def _on_spawned(self, name: str, pid: int) -> None:
        with self._lives.locked() as lives:
            lives[name].pid = pid

    def _on_throttled(self, name: str, share: float) -> None:
        with self._lives.locked() as lives:
            lives[name].share = share

    def _on_failed(self, name: str, error: str) -> None:
        with self._lives.locked() as lives:
            lives[name].alive, lives[name].end = False, f"could not be started: {error}"

    def _on_exit(self, name: str, pid: int, status: int, cpu: float, at: float, left: list[str]) -> None:
        with self._lives.locked() as lives:
            lives[name].spent_s += cpu
            lives[name].left = tuple(left)
            self._lives.ended(name, clock.at(at), how(status))


def how(status: int) -> str:
    """Describe a wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"exit code {os.WEXITSTATUS(status)}"
