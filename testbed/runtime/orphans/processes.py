"""The processes of runs, found by the owner in their environment, anywhere in the process tree."""

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

GONE_S = 2.0  # time limit until a killed process is gone
COMMAND = 200  # characters of a command line
REAPED_S = 5.0  # time limit for the reapers of a dead owner; they take about 10 ms on an idle machine
REAPER = "reaper.py"  # the program of reapers, which clean up after their owner


def found() -> list[Resource]:
    """Return all marked processes of this user, except the calling one."""
    return [thing for pid in _others() if (thing := _thing(pid, _environment(pid)))]


def living_in(folder: str) -> list[Resource]:
    """Return the processes of the run with this folder."""
    each = ((pid, _environment(pid)) for pid in _others())
    return [thing for pid, env in each if env.get("TMPDIR") == f"{folder}/tmp" and (thing := _thing(pid, env))]


def remove(things: Sequence[Resource]) -> list[Resource]:
    """Kill processes, and return those that remain after a time limit."""
    for thing in things:
        _signal(thing, signal.SIGKILL)
    deadline = time.monotonic() + GONE_S
    while (left := [thing for thing in things if _is_there(thing)]) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


def life_of(thing: Resource) -> tuple[int, int]:
    """Return the pid and the start time of a process."""
    pid, _, began = thing.name.partition(" ")
    return int(pid), int(began)


def is_reaper(thing: Resource) -> bool:
    """Whether a process is a reaper."""
    return thing.about.startswith(REAPER)


def command(pid: int) -> str:
    """Return the command of a process as text: the program, or the script of an interpreter, with arguments."""
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
    home = named(
        os.path.basename(os.path.dirname(environment.get("TMPDIR", "")))
    )  # the tmp folder of a run is in its folder
    return Resource("process", f"{pid} {began}", owner, run=home[1] if home else "", about=command(pid))


def _is_there(thing: Resource) -> bool:
    pid, began = life_of(thing)
    return started(pid) == began


def let_reapers_end(things: Sequence[Resource]) -> None:
    """Wait a moment for the reapers among these, which know best what to end; a stopped one goes on first."""
    reapers = [thing for thing in things if is_reaper(thing)]
    for reaper in reapers:
        _signal(reaper, signal.SIGCONT)
    wait_for(dict(map(life_of, reapers)), REAPED_S)


def _signal(thing: Resource, number: signal.Signals) -> None:
    """Signal it unless its pid has been recycled: a pidfd always refers to the same process."""
    with suppress(OSError):
        descriptor = os.pidfd_open(life_of(thing)[0])
        try:
            if _is_there(thing):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def wait_for(lives: Mapping[int, int], within_s: float) -> bool:
    """Wait until processes have ended, given as pid and start time. Return False after the time limit."""
    deadline = time.monotonic() + within_s
    for pid, began in lives.items():
        with suppress(OSError):  # gone
            descriptor = os.pidfd_open(pid)
            try:
                if started(pid) == began:
                    select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            finally:
                os.close(descriptor)
    return not any(started(pid) == began for pid, began in lives.items())


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
