"""The processes of runs: each has its owner in its environment, wherever in the process tree it has ended up."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import MARK, named, parse
from testbed.runtime.proc import started

GONE_S = 2.0  # for a killed process to be gone
COMMAND = 200  # letters of a command line
REAPER = "reaper.py"  # the program of the one that cleans up after its owner


def found() -> list[Resource]:
    """Return every marked process of this user, but not the calling one."""
    return [thing for pid in _others() if (thing := _thing(pid, _environment(pid)))]


def living_in(folder: str) -> list[Resource]:
    """Return the processes of the run that has this folder."""
    each = ((pid, _environment(pid)) for pid in _others())
    return [thing for pid, env in each if env.get("TMPDIR") == f"{folder}/tmp" and (thing := _thing(pid, env))]


def remove(things: Sequence[Resource]) -> list[Resource]:
    """Kill processes, and return those that are not gone in time."""
    for thing in things:
        _kill(thing)
    deadline = time.monotonic() + GONE_S
    while (left := [thing for thing in things if _is_there(thing)]) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


def pid_of(thing: Resource) -> int:
    """Return the pid of a process that was found."""
    return int(thing.name.partition(" ")[0])


def is_reaper(thing: Resource) -> bool:
    """Whether a process is one of those that clean up."""
    return thing.about.startswith(REAPER)


def command(pid: int) -> str:
    """Return what a process is, for people: its program, or the script that an interpreter runs, with its arguments."""
    words = [word.decode(errors="replace") for word in _read(pid, "cmdline").split(b"\0") if word]
    if words and os.path.basename(words[0]).startswith("python"):
        options = next((n for n, word in enumerate(words[1:], 1) if not word.startswith("-")), len(words))
        words = words if "-c" in words[:options] else words[options:] or words
    return " ".join([*map(os.path.basename, words[:1]), *words[1:]])[:COMMAND]


def _others() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) != os.getpid()]


def _thing(pid: int, environment: Mapping[str, str]) -> Resource | None:
    owner, began = parse(environment.get(MARK, "")), started(pid)
    if owner is None or began is None or not _is_ours(pid):
        return None
    home = named(os.path.basename(os.path.dirname(environment.get("TMPDIR", ""))))  # a run's is tmp in its folder
    return Resource("process", f"{pid} {began}", owner, run=home[1] if home else "", about=command(pid))


def _is_there(thing: Resource) -> bool:
    pid, _, began = thing.name.partition(" ")
    return started(int(pid)) == int(began)


def _kill(thing: Resource) -> None:
    """Kill it, unless its pid is somebody else's by now: what a descriptor stands for cannot change any more."""
    with suppress(OSError):
        descriptor = os.pidfd_open(pid_of(thing))
        try:
            if _is_there(thing):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)


def wait_for(pids: Sequence[int], within_s: float) -> bool:
    """Wait until processes have ended; False if one has not in time."""
    deadline = time.monotonic() + within_s
    for pid in pids:
        with suppress(OSError):  # gone
            descriptor = os.pidfd_open(pid)
            try:
                select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            finally:
                os.close(descriptor)
    return not any(started(pid) for pid in pids)


def _environment(pid: int) -> dict[str, str]:
    data = _read(pid, "environ")
    if MARK.encode() not in data:
        return {}
    pairs = (line.partition("=") for line in data.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in pairs}


def _read(pid: int, file: str) -> bytes:
    with suppress(OSError), open(f"/proc/{pid}/{file}", "rb") as stream:
        return stream.read()
    return b""


def _is_ours(pid: int) -> bool:
    with suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    return False
