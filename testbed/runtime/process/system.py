"""What the reaper asks of the kernel: signals, children, descriptors, limits.

The reaper imports this file: it uses only the standard library. It does not import `interrupts` and `proc`, which the
isolated interpreter of the reaper does not see, so some of their code is repeated here.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Iterable
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
STDIN, STDOUT, STDERR = 0, 1, 2
MOST_FILES = 65_536  # not more, because some programs iterate over all descriptors up to the limit

_libc = ctypes.CDLL(None, use_errno=True)


def redirect(source: int, *targets: int) -> None:
    """Put a descriptor in the place of others, and close it."""
    for target in targets:
        os.dup2(source, target)
    os.close(source)


def wake_on(*numbers: signal.Signals) -> int:
    """Return a descriptor that becomes readable (one byte per signal) when one of these signals arrives."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return read


def watch(owner: int) -> int:
    """Return a descriptor that becomes readable when the owner dies (stdin stays open if the owner has forked)."""
    try:
        return os.pidfd_open(owner)
    except (AttributeError, OSError):  # an old kernel, or the owner is dead and stdin has ended
        return STDIN


def ended() -> int | None:
    """Return the pid of a child that has ended and is not reaped yet, so its pid is not recycled."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found else None


def children() -> Iterable[int]:
    """Return the children of this process."""
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return scan(me)


def scan(parent: int) -> list[int]:
    """Return the children of a process, found in the list of all processes."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent_of(pid) == parent]


def group_of(pid: int) -> int:
    """Return the process group of a process, 0 if it does not exist."""
    fields = stat(pid)
    return int(fields[2]) if fields else 0


def parent_of(pid: int) -> int:
    """Return the parent of a process, 0 if it does not exist."""
    fields = stat(pid)
    return int(fields[1]) if fields else 0


def lives(owner: str) -> bool:
    """Whether the owner runs: not a zombie, and not another process with a recycled pid."""
    pid, started, *_ = owner.split("-")
    fields = stat(int(pid))
    return bool(fields) and fields[0] not in "ZX" and fields[19] == started


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command name; empty if the process does not exist."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def send_to_group(pid: int, number: int) -> None:
    """Send a signal to a process group, or to the process if it does not lead one yet."""
    try:
        os.killpg(pid, number)
    except OSError:  # not (yet) the leader of a group
        send(pid, number)


def send(pid: int, number: int) -> None:
    """Send a signal to a process. One that has ended is no error."""
    with suppress(OSError):
        os.kill(pid, number)


def prctl(option: int, value: int) -> None:
    """Set an option of this process. Raises `OSError`."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def raise_file_limit() -> None:
    """Allow this process and its children as many open files as the hard limit says, at most 65,536."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
