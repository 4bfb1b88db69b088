"""One flow for every runtime: starts a plan in its order, waits for effects, knows which deaths were wanted."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from testbed.errors import TestbedError, Unavailable, nearest
from testbed.plan.values import File, Process
from testbed.runtime import Death, folder
from testbed.runtime.backend import Backend
from testbed.runtime.launching import launch

SEEN_S = 10.0  # for an order to show its effect; at once, unless the machine has far too much to do


class SupervisedRuntime:
    """Runs one plan in `directory`, which it makes (it must be new or empty) and which goes at the end.

    Implements `testbed.runtime.Runtime` but for `lease`, with a backend that carries the orders out. It is as long as
    that protocol: a method is the check, the order, and the wait for its effect.
    """

    def __init__(self, directory: Path, backend: Backend, ready_s: float) -> None:
        self._directory, self._backend, self._ready_s = directory.absolute(), backend, ready_s
        self._processes: dict[str, Process] = {}
        self._started = self._stopped = False

    # -- where it runs

    def reach(self, address: str) -> str:
        """Return where this very process reaches an "ip:port" of the plan."""
        return self._backend.reach(address)

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words that run a tool of ours in a process's network; `Unsupported` if we may not enter it."""
        return self._backend.inside(self._process(name).name)

    # -- the whole run

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        """Write the files, start all processes, return when all are ready.

        Raises `TestbedError` (`Unavailable` for a missing binary or image) with nothing left running: when an address
        is in use, or a process ends or is not ready in time.
        """
        if self._started:
            raise TestbedError("this runtime has been started already")
        self._processes = {process.name: process for process in processes}
        self._backend.require(processes)
        folder.make(self._directory)
        self._started = True
        try:
            self._backend.begin(processes)
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
        if self._started and not self._stopped:
            self._stopped = True
            self._backend.close()

    # -- one process

    def kill(self, name: str) -> None:
        """Kill a process with all that belongs to it; return when it has been seen dead."""
        self._alive(name)  # or there is nothing to kill
        self._kill_all([name])

    def pause(self, name: str) -> None:
        """Stop a process where it is; return when it is seen stopped."""
        self._alive(name).pause(name)

    def resume(self, name: str) -> None:
        """Let a process go on; return when it is seen going on."""
        self._alive(name).resume(name)

    def restart(self, name: str) -> None:
        """Start a process again, without limits, after killing it if it lives; return when it is ready."""
        self.restart_all([name])

    def restart_all(self, names: Iterable[str]) -> None:
        """Restart several processes at the same time."""
        again = {name: self._process(name) for name in names}
        self._kill_all(again)
        for name in again:
            self._backend.free(name)
        self._launch(again)

    def terminate(self, name: str, within_s: float) -> None:
        """SIGTERM to a process, SIGKILL if it has not ended after `within_s`; return when it has been seen dead."""
        backend = self._alive(name)
        backend.end([name], signal.SIGTERM)
        backend.lives.wait(lambda: not backend.lives.alive(name), within_s)
        self._kill_all([name])

    def throttle(self, name: str, share: float) -> None:
        """Let a process have only this share of one processor."""
        self._alive(name).throttle(name, share)

    def unthrottle(self, name: str) -> None:
        """Let it have as much as it likes again; nothing to do if it has died meanwhile."""
        if self.alive(name):
            self._backend.throttle(name, 1)

    def confine(self, name: str, mb: int) -> None:
        """Restart a process with this limit of memory, swap included; return when it is ready.

        Raises `TestbedError` if it does not come up within so little memory, `Unavailable` where there are no limits.
        """
        process, lives = self._process(name), self._running().lives
        if reason := self.cannot("memory"):
            raise Unavailable(reason)
        self._kill_all([name])
        known = len(lives.deaths)
        try:
            self._backend.confine(name, mb)
            self._launch({name: process})
        except TestbedError as error:
            lives.forget_deaths(name, known)  # this error tells of it
            raise TestbedError(f"{name} does not come up with {mb} MiB of memory: {error}") from error

    def cannot(self, action: str) -> str:
        """Why "cpu" or "memory" cannot be limited here, "" if it can."""
        return self._backend.cannot(action)

    def alive(self, name: str) -> bool:
        """Whether a process runs; a paused one does."""
        return self._running().lives.alive(self._process(name).name)

    def pid(self, name: str) -> int:
        """Return the pid of a running process, on the machine where it runs; `TestbedError` if it does not run."""
        return self._alive(name).pid(name)

    def end_of(self, name: str) -> str:
        """Return how the last life of a process ended ("exit code 3", "killed by SIGSEGV"), "" while it runs."""
        life = self._running().lives.get(self._process(name).name)
        return life.end if life else ""

    def deaths(self) -> list[Death]:
        """Return all ends of processes that nobody had asked for, oldest first.

        Raises `TestbedError` if what runs them has died itself.
        """
        backend = self._running()
        if not self._stopped:
            backend.check()
        return list(backend.lives.deaths)

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last lines of a process's log, all its lives included; "" once it is removed."""
        return self._running().log_tail(self._process(name).name, lines)

    def cpu_seconds(self, name: str) -> float:
        """Return the processor time that a process has used, earlier lives included."""
        return self._running().cpu_seconds(self._process(name).name)

    # -- how it is done

    def _running(self) -> Backend:
        if not self._started:
            raise TestbedError("this runtime has not been started")
        return self._backend

    def _process(self, name: str) -> Process:
        if name not in self._processes:
            raise TestbedError(f"no process called {name!r}{nearest(name, self._processes)}")
        return self._processes[name]

    def _active(self) -> Backend:
        """Return the backend, if it takes orders."""
        if self._stopped:
            raise TestbedError("this run has been stopped")
        self._running().check()
        return self._backend

    def _alive(self, name: str) -> Backend:
        """Return the backend, if a process runs."""
        self._process(name)
        self._active().lives.require(name)
        return self._backend

    def _launch(self, processes: Mapping[str, Process]) -> None:
        launch(self._active, processes, self._ready_s)

    def _kill_all(self, names: Iterable[str]) -> None:
        backend, lives, names = self._active(), self._backend.lives, list(names)
        backend.end(filter(lives.alive, names))
        if not lives.wait(lambda: not any(map(lives.alive, names)), SEEN_S):
            backend.check()
            raise TestbedError(
                f"killed, but not seen dead within {SEEN_S:g} s: {', '.join(filter(lives.alive, names))}"
            )
