"""The common part of all runtimes: starts a plan in order, waits for effects, separates expected from other deaths."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from testbed import clock
from testbed.errors import TestbedError, Unavailable, nearest
from testbed.masking.known import KNOWN
from testbed.plan.values import File, Process
from testbed.runtime import Death, Drain, Ending, folder
from testbed.runtime.backend import Backend
from testbed.runtime.launching import launch
from testbed.runtime.lives import Life

SEEN_S = 10.0  # time limit for the effect of an order
UNHANDLED = ": it has no handler for SIGTERM, so the kernel drops it, as for PID 1 of a container"


NO_DRAIN = Drain()
LOOK_S = 0.0005  # between two looks at what a process does that is about to end


class SupervisedRuntime:
    """Runs one plan in `directory`, which it creates (it must be new or empty) and removes at the end.

    Implements `testbed.runtime.Runtime` except `lease`, with a backend that carries out the orders. Each method checks,
    gives an order, and waits for its effect. It is long because each order is a short method.
    """

    def __init__(self, directory: Path, backend: Backend, ready_s: float) -> None:
        self.directory, self.backend, self._ready_s = directory.absolute(), backend, ready_s
        self.processes: dict[str, Process] = {}
        self._started = self._stopped = False

    # -- where it runs

    def reach(self, address: str) -> str:
        """Return the address at which the test process reaches an address of the plan."""
        return self.backend.reach(address)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words to run a command in the network of a process. Raises `Unsupported` if that is impossible."""
        return self.backend.inside(self._process(name).name)

    def execute(self, name: str, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Run a command beside a process that runs; return exit code, stdout and stderr."""
        return self._alive(name).execute(name, words, timeout_s)

    # -- the whole run

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        """Write the files, start all processes, and return when all are ready.

        Raises `TestbedError` if an address is in use or a process ends or is not ready in time, `Unavailable` for a
        missing binary or image. Nothing is left running then.
        """
        if self._started:
            raise TestbedError("this runtime is already started")
        self.processes = {process.name: process for process in processes}
        KNOWN.learn(value for process in processes for value in folder.hidden_of(process))
        self.backend.require(processes)
        folder.make(self.directory)
        self._started = True
        try:
            self.backend.begin(processes)
            self.write(files)
            self._launch(self.processes)
        except BaseException:
            self.stop()
            raise

    def write(self, files: Iterable[File]) -> None:
        """Write files into the folder of the run, replacing existing ones."""
        folder.write(self.directory, files)

    def stop(self) -> None:
        """Stop everything, verify it, and remove the directory unless it is kept. A second call does nothing."""
        if self._started and not self._stopped:
            self._stopped = True
            try:
                self.backend.close()
            finally:
                folder.scrub(self.directory)

    # -- one process

    def kill(self, name: str) -> None:
        """Kill a process and its process group. Return when it is dead."""
        self._alive(name)  # raises if it does not run
        self._kill_all([name])

    def pause(self, name: str) -> None:
        """Pause a process. Return when it is stopped."""
        self._alive(name).pause(name)

    def resume(self, name: str) -> None:
        """Resume a process. Return when it runs again."""
        self._alive(name).resume(name)

    def restart(self, name: str) -> None:
        """Kill a process if it runs, start it again without limits, and return when it is ready."""
        self.restart_all([name])

    def restart_all(self, names: Iterable[str]) -> None:
        """Restart several processes at the same time."""
        again = {name: self._process(name) for name in names}
        self._kill_all(again)
        for name in again:
            self.backend.free(name)
        self._launch(again)

    def terminate(self, name: str, within_s: float, drain: Drain = NO_DRAIN) -> Ending:
        """Send SIGTERM as to PID 1 of a container, and SIGKILL after `within_s`. Return when the process is dead.

        Meanwhile the links of `drain` begin to refuse new connections.
        """
        backend, begun = self._alive(name), time.monotonic()
        heard = backend.handles_sigterm(name)
        with backend.refusing(drain.owner, drain.links) if drain.links else nullcontext() as refuse:
            backend.lives.wait(lambda: not backend.lives.alive(name), min(drain.pre_stop_s, within_s))
            asked = clock.now()
            if backend.lives.alive(name):
                backend.end([name], signal.SIGTERM)
            self._drain(name, begun + within_s, begun + drain.delay_s, refuse)
        in_time = not backend.lives.alive(name)
        self._kill_all([name])
        return _ending(backend.lives.get(name) or Life(), asked, in_time, heard, within_s)

    def _drain(self, name: str, until: float, refuse_at: float, refuse: Callable[[], None] | None) -> None:
        """Wait until a process has ended; `refuse` at this time, or as soon as the process takes no new connection."""
        lives = self.backend.lives
        while lives.alive(name) and (left_s := until - time.monotonic()) > 0:
            if refuse and (time.monotonic() >= refuse_at or not self.backend.is_listening(name)):
                refuse()
                refuse = None
            lives.wait(lambda: not lives.alive(name), min(left_s, LOOK_S) if refuse else left_s)

    def throttle(self, name: str, share: float) -> None:
        """Limit a process to this share of one CPU."""
        self._alive(name).throttle(name, share)

    def unthrottle(self, name: str) -> None:
        """Remove the CPU limit. Does nothing if the process has died."""
        if self.alive(name):
            self.backend.throttle(name, 1)

    def confine(self, name: str, mb: int) -> None:
        """Restart a process with a memory limit (MiB, including swap). Return when it is ready.

        Raises `TestbedError` if it does not become ready with this limit, `Unavailable` if limits are not supported.
        """
        process, lives = self._process(name), self._running().lives
        if reason := self.cannot("memory"):
            raise Unavailable(reason)
        self._kill_all([name])
        known = len(lives.deaths)
        try:
            self.backend.confine(name, mb)
            self._launch({name: process})
        except TestbedError as error:
            lives.forget_deaths(name, known)  # the error below reports it
            raise TestbedError(f"{name} does not become ready with {mb} MiB of memory: {error}") from error

    def cannot(self, action: str) -> str:
        """Return why "cpu" or "memory" cannot be limited here, "" if it can."""
        return self.backend.cannot(action)

    def alive(self, name: str) -> bool:
        """Whether a process runs. A paused process runs."""
        return self._running().lives.alive(self._process(name).name)

    def pid(self, name: str) -> int:
        """Return the pid of a running process on its machine. Raises `TestbedError` if it does not run."""
        return self._alive(name).pid(name)

    def end_of(self, name: str) -> str:
        """Return how the last life of a process ended ("exit code 3", "killed by SIGSEGV"), "" while it runs."""
        life = self._running().lives.get(self._process(name).name)
        return life.end if life else ""

    def deaths(self) -> list[Death]:
        """Return all unexpected ends of processes, oldest first.

        Raises `TestbedError` if the reaper or the Docker daemon has died.
        """
        backend = self._running()
        if not self._stopped:
            backend.check()
        return list(backend.lives.deaths)

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last log lines of a process, including those before restarts; "" after the log is removed.

        They are without secret values of its environment and its command.
        """
        return KNOWN.in_message(self._running().log_tail(self._process(name).name, lines))

    def cpu_seconds(self, name: str) -> float:
        """Return the CPU time of a process, including its time before restarts."""
        return self._running().cpu_seconds(self._process(name).name)

    # -- internals

    def _running(self) -> Backend:
        if not self._started:
            raise TestbedError("this runtime is not started")
        return self.backend

    def _process(self, name: str) -> Process:
        if name not in self.processes:
            raise TestbedError(f"no process called {name!r}{nearest(name, self.processes)}")
        return self.processes[name]

    def _active(self) -> Backend:
        """Return the backend, or raise if it accepts no orders."""
        if self._stopped:
            raise TestbedError("this run is stopped")
        self._running().check()
        return self.backend

    def _alive(self, name: str) -> Backend:
        """Return the backend, or raise if the process does not run."""
        self._process(name)
        self._active().lives.require(name)
        return self.backend

    def _launch(self, processes: Mapping[str, Process]) -> None:
        launch(self._active, processes, self._ready_s)

    def _kill_all(self, names: Iterable[str]) -> None:
        backend, lives, names = self._active(), self.backend.lives, list(names)
        backend.end(filter(lives.alive, names))
        if not lives.wait(lambda: not any(map(lives.alive, names)), SEEN_S):
            backend.check()
            raise TestbedError(f"killed, but still running after {SEEN_S:g} s: {', '.join(filter(lives.alive, names))}")


def _ending(life: Life, asked: float, in_time: bool, heard: bool, within_s: float) -> Ending:
    """Return how a process ended that was asked to end."""
    if in_time:
        after_s = max(0.0, life.ended_at - asked)
        return Ending(asked, life.ended_at, "ended", f"{after_s:.3g} s after SIGTERM", life.left)
    reason = "" if heard else UNHANDLED
    return Ending(asked, life.ended_at, "killed", f"it still ran {within_s:g} s after it was asked to end{reason}")
