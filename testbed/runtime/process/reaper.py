"""The parent of all processes of a run: starts them, reports their exits, kills them when the owner dies.

Run as `python -I -S reaper.py OWNER LEASE_FD FOLDER keep|remove` in its own session; OWNER is the text of a
`testbed.runtime.owner.Owner`. JSON lines:

    in   {"do": "spawn", "name": .., "argv": [..], "env": {..}, "cwd": .., "log": .., "graceful": bool, "within": ..,
                         "network": ..}
         {"do": "signal", "name": .., "signal": 9}           to the process and all its descendants
         {"do": "terminate", "name": ..}                     SIGTERM to the process alone
         {"do": "throttle", "name": .., "share": 0.2}        of one CPU; 1: no limit
         {"do": "stop", "grace": 0.2}                        SIGTERM to the graceful ones, then SIGKILL to all
         {"do": "borrow", "name": .., "addresses": [..]}     listeners of a process, which then ...
         {"do": "refuse" | "give_back", "addresses": [..]}   ... refuse new connections, or go on
    out  {"event": "hello", "pid": ..}
         {"event": "spawned" | "failed", "name": .., ...}
         {"event": "throttled", "name": .., "share": ..}
         {"event": "exit", "name": .., "pid": .., "status": wait status, "cpu": seconds, "at": monotonic seconds,
                          "left": ["node (pid 12)", ..]}     the descendants that still ran

The reaper is two processes. The *worker* is the parent and receives the orders. The *guard* is the parent of the worker
and waits until it dies. Both are child subreapers: if one is killed, the other inherits all its descendants, even
after setsid(), and kills them. So having no child left (ECHILD) proves that no process is left.

`within` is null or a control group for the process: {"folder": .., "limits": {file: value}}. It is removed when the
process has ended. The file `cgroups` in the folder of the run lists all of them, for the guard.
`network` is null or the arguments of `netns.settle`: {"relay", "address", "port", "upstreams"}.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testbed.runtime.process.throttle import DutyCycleThrottle

GROUPS = "cgroups"  # a file in the folder of the run: one control group per line
BUSY_S = 10.0  # time limit until a control group is empty
HERE = os.path.dirname(os.path.abspath(__file__))
ABOVE = os.path.dirname(HERE)
HANDLED = (signal.SIGCHLD, signal.SIGTERM)


def _load(name: str, folder: str) -> Any:
    """Import a module that few runs need, from a folder that is not on the path of the isolated interpreter."""
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


if TYPE_CHECKING or __package__:
    from testbed.runtime.process import system
else:  # the isolated interpreter
    system = _load("system", HERE)


class Worker:
    """Reads orders on stdin and reports on stdout, until a stop order or the death of its owner or guard.

    It is long because each order is a short method.
    """

    def __init__(self, owner: int, folder: str) -> None:
        self.folder = folder
        self.throttles: dict[str, DutyCycleThrottle] = {}
        self.groups: dict[str, str] = {}
        self.isolated: set[int] = set()  # processes with their own network namespace and relays
        self.pids: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.borrowed: dict[str, Any] = {}  # listeners of processes by their addresses
        self.graceful: set[int] = set()
        self.grace: float | None = None  # seconds; set by a stop order
        self.unread = b""
        self.wake = system.wake_on(*HANDLED)
        self.poller = select.poll()
        for fd in (system.STDIN, self.wake, system.watch(owner)):
            self.poller.register(fd, select.POLLIN)

    def run(self) -> None:
        """Serve until there is a reason to stop, then give the graceful processes a moment to end."""
        self.say(event="hello", pid=os.getpid())
        while all(self.serve(fd) for fd, _ in self.poller.poll(self.wait_ms())):
            self.reap()
            self.advance_throttles()
        for pid in self.graceful:
            system.send_to_group(pid, signal.SIGTERM)
            system.send_to_group(pid, signal.SIGCONT)
        deadline = time.monotonic() + (self.grace or 0)
        while self.graceful and time.monotonic() < deadline:
            time.sleep(0.002)
            self.reap()

    def serve(self, fd: int) -> bool:
        """Handle the input of one descriptor. Return False if the reaper must stop."""
        if fd == system.STDIN:
            return self.read_orders()
        if fd == self.wake:
            return signal.SIGTERM not in os.read(fd, 4096)
        return False  # the pidfd of the owner: it has died

    def read_orders(self) -> bool:
        """Carry out all complete lines. Return False at the end of the input or after a stop order."""
        data = os.read(system.STDIN, 1 << 16)
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            getattr(self, order.pop("do"))(**order)
        return bool(data) and self.grace is None

    def stop(self, grace: float) -> None:
        """Order: stop the run."""
        self.grace = grace

    def spawn(
        self,
        name: str,
        argv: list[str],
        env: dict[str, str],
        cwd: str,
        log: str,
        graceful: bool,
        within: dict[str, Any] | None,
        network: dict[str, Any] | None,
    ) -> None:
        """Order: start a process."""
        parent, netns = os.getpid(), _load("netns", HERE) if network else None
        try:
            group = self.make_group(**within) if within else ""
        except OSError as error:
            return self.say(event="failed", name=name, error=f"cannot create a control group: {error}")
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # the child must not run our handlers
        try:
            pid = os.fork()
        except OSError as error:
            return self.say(event="failed", name=name, error=str(error))
        finally:
            if os.getpid() == parent:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        if pid == 0:
            _become(parent, argv, env, cwd, log, group, lambda: netns and netns.settle(parent, env, **(network or {})))
        self.isolated.update([pid] if network else [])
        self.pids[name], self.names[pid], self.groups[name] = pid, name, group
        self.graceful.update([pid] if graceful else [])
        self.say(event="spawned", name=name, pid=pid)

    def signal(self, name: str, signal: int) -> None:
        """Order: send a signal to a process and all its descendants, if it is not reaped yet."""
        if name in self.pids:
            _family().signal_all(self.pids[name], signal)

    def terminate(self, name: str) -> None:
        """Order: send SIGTERM to a process alone, as to PID 1 of a container."""
        if name in self.pids:
            system.send(self.pids[name], signal.SIGTERM)

    def borrow(self, name: str, addresses: list[str]) -> None:
        """Order: borrow listeners of a process, so that they can refuse at once."""
        sockets, refusing = _load("sockets", ABOVE), _load("refusing", ABOVE)
        for ip, _, port in (address.rpartition(":") for address in addresses):
            with suppress(OSError, KeyError):
                inode = sockets.inode_of_listener(ip, int(port))
                self.borrowed[f"{ip}:{port}"] = refusing.borrowed(self.pids[name], inode)

    def refuse(self, addresses: list[str]) -> None:
        """Order: make borrowed listeners refuse new connections."""
        for address in addresses:
            if listener := self.borrowed.pop(address, None):
                _load("refusing", ABOVE).refuse(listener)

    def give_back(self, addresses: list[str]) -> None:
        """Order: return borrowed listeners as they are."""
        for address in addresses:
            if listener := self.borrowed.pop(address, None):
                listener.close()

    def make_group(self, folder: str, limits: dict[str, str]) -> str:
        """Create a control group with limits. Record it first, so that it will be removed."""
        with open(f"{self.folder}/{GROUPS}", "a") as file:
            file.write(f"{folder}\n")
        os.mkdir(folder)
        for name, limit in limits.items():
            _write(f"{folder}/{name}", limit)
        return folder

    def throttle(self, name: str, share: float) -> None:
        """Order: limit a process group to this share of one CPU."""
        if throttle := self.throttles.pop(name, None):
            throttle.release()
        if name in self.pids and share < 1:
            self.throttles[name] = _load("throttle", HERE).DutyCycleThrottle(self.pids[name], share, _family())
        self.say(event="throttled", name=name, share=share)

    def wait_ms(self) -> float | None:
        """Milliseconds until the next throttle is due; None: no throttle."""
        due = min((throttle.due for throttle in self.throttles.values()), default=None)
        return None if due is None else max(0.0, due - time.monotonic()) * 1000

    def advance_throttles(self) -> None:
        """Stop or continue each throttled group that is due."""
        for throttle in self.throttles.values():
            if throttle.due <= time.monotonic():
                throttle.advance()

    def reap(self) -> None:
        """Reap every child that has ended, kill the rest of its process group, and report it."""
        while (pid := system.ended()) is not None:
            name = self.names.pop(pid, None)
            left = self.end_rest_of(pid) if name is not None else []
            _, status, usage = os.wait4(pid, 0)
            if pid in self.isolated:  # its relays keep its address while they run
                _reap_group(pid)
            self.graceful.discard(pid)
            if name is not None:
                del self.pids[name]
                self.throttles.pop(name, None)
                with suppress(OSError):  # not empty yet, or there is none: repeated at the end
                    os.rmdir(self.groups.pop(name))
                cpu = usage.ru_utime + usage.ru_stime
                self.say(event="exit", name=name, pid=pid, status=status, cpu=cpu, at=time.monotonic(), left=left)

    def end_rest_of(self, pid: int) -> list[str]:
        """Kill what a process that has ended left behind, like the end of PID 1 of a container; return the names.

        Every other app adopts what its descendants leave behind, so whoever came to us belongs to one that has ended.
        Relays of a living app are in its group.
        """
        family, living = _family(), {*self.names}
        strangers = [child for child in system.children() if child not in living and child != pid]
        rest = [one for child in strangers for one in family.descendants(child) if system.group_of(one) not in living]
        left = [one for one in family.names(rest) if not one.startswith("relay ")]
        system.send_to_group(pid, signal.SIGKILL)
        for one in rest:
            system.send(one, signal.SIGKILL)
        return left

    def say(self, **event: object) -> None:
        """Write one line. Ignore a closed pipe: the pidfd or the end of stdin reports the death of the owner."""
        line = (json.dumps(event) + "\n").encode()
        with suppress(OSError):
            while line:
                line = line[os.write(system.STDOUT, line) :]


def sweep() -> None:
    """Kill and reap until this process has no child left and therefore, as a subreaper, no descendant."""
    while True:
        for pid in system.children():
            system.send_to_group(pid, signal.SIGKILL)
            system.send(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def end_helpers(owner: str) -> None:
    """Kill other processes that a dead owner has started. A fork of the owner may have kept them alive."""
    processes = _load("testbed.runtime.orphans.processes", HERE.rpartition("/testbed/")[0])
    left = [process for process in processes.found() if str(process.owner) == owner]
    processes.remove([process for process in left if not processes.is_reaper(process)])


def main(owner: str, lease: int, folder: str, keep: bool) -> None:
    """Split into guard and worker. Each removes everything when the other ends."""
    os.set_inheritable(lease, False)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    system.raise_file_limit()
    guard = os.getpid()
    system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
    worker = os.fork()
    if worker == 0:
        system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
        serving = Worker(int(owner.partition("-")[0]), folder)
        system.prctl(system.PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == guard:
            serving.run()
    else:
        system.redirect(os.open("/dev/null", os.O_RDWR), system.STDIN, system.STDOUT)
        os.waitpid(worker, 0)
    sweep()
    remove_groups(folder)
    if not keep and os.path.exists(folder):
        import shutil  # the import takes 2 ms, which would delay the start

        shutil.rmtree(folder, ignore_errors=True)
    if not system.lives(owner):
        end_helpers(owner)
    os._exit(0)  # skips the cleanup of the interpreter


def _become(
    parent: int, argv: list[str], env: dict[str, str], cwd: str, log: str, group: str, move: Callable[[], object]
) -> None:
    """Move the forked child to its network and replace it by the program. Never returns."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        system.redirect(os.open("/dev/null", os.O_RDONLY), system.STDIN)
        system.redirect(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), system.STDOUT, system.STDERR)
        move()
        if group:  # after its relays, which do not count for its memory limit
            _write(f"{group}/cgroup.procs", "0")
        system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
        system.prctl(
            system.PR_SET_CHILD_SUBREAPER, 1
        )  # like PID 1 of a container, it adopts what its children leave behind
        os.chdir(cwd)
        if os.getppid() == parent:
            os.execve(argv[0], argv, env)
    except OSError as error:
        os.write(system.STDERR, f"cannot execute {argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _reap_group(pid: int) -> None:
    """Reap the rest of a killed process group."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-pid, 0)


def remove_groups(folder: str) -> None:
    """Remove every recorded control group that still exists. Its processes have been killed."""
    with suppress(OSError), open(f"{folder}/{GROUPS}") as file:
        left = file.read().split("\n")
        deadline = time.monotonic() + BUSY_S
        for group in filter(os.path.isdir, left):
            while not _rmdir(group) and time.monotonic() < deadline:
                time.sleep(0.01)


def _rmdir(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:  # the other process was faster
        return True
    except OSError:
        return False
    return True


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _family() -> Any:
    return _load("family", HERE)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], keep=sys.argv[4] == "keep")
