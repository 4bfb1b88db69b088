"""Who owns a thing: a process, told by pid, start time, boot and place, so that no recycled pid is taken for it."""

from __future__ import annotations

import os
import re
import socket
import zlib
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from testbed.runtime.proc import started

MARK = "TESTBED_OWNER"  # in the environment of every process that a run starts
PREFIX = "testbed"
NAMESPACE = "/proc/self/ns/pid"
NAMED = re.compile(PREFIX + r"-(\d+-\d+-[0-9a-f]{8}-[0-9a-f]{8})-(.+)")


class Owner(NamedTuple):
    """The process that started a run; as text, a part of the names of what it owns."""

    pid: int
    started: int  # clock ticks after the boot: field 22 of /proc/PID/stat
    boot: str  # of the boot's id, the first eight letters
    place: str  # of host name and pid namespace, a checksum: elsewhere the same pid is somebody else

    def __str__(self) -> str:
        return f"{self.pid}-{self.started}-{self.boot}-{self.place}"

    def called(self, rest: str) -> str:
        """Return the name of a thing that belongs to this owner."""
        return f"{PREFIX}-{self}-{rest}"


class State(StrEnum):
    """What is known of an owner."""

    ALIVE = "alive"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"  # in another container or on another machine: nothing can be known, so nothing is touched


def parse(text: str) -> Owner | None:
    """Return the owner that a text names; None if it is none."""
    pid, _, rest = text.partition("-")
    started, _, rest = rest.partition("-")
    boot, _, place = rest.partition("-")
    return Owner(int(pid), int(started), boot, place) if pid.isdecimal() and started.isdecimal() and place else None


def named(name: str) -> tuple[Owner, str] | None:
    """Return owner and the rest of a name that `Owner.called` has made; None for any other name."""
    found = NAMED.fullmatch(name) if name.startswith(PREFIX) else None
    owner = parse(found[1]) if found else None
    return (owner, found[2]) if found and owner else None


def judge(owner: Owner, boot: str, place: str, started: Callable[[int], int | None]) -> State:
    """Say what is known of an owner, here and since this boot; `started` tells when a living pid was started."""
    if owner.place != place:
        return State.ELSEWHERE
    if owner.boot != boot:
        return State.DEAD
    return State.ALIVE if started(owner.pid) == owner.started else State.DEAD


def me() -> Owner:
    """Return this process as an owner."""
    return _of(os.getpid())


def state(owner: Owner) -> State:
    """Say what is known of an owner now."""
    return judge(owner, _boot(), _place(), started)


@cache
def _of(pid: int) -> Owner:  # by pid: a fork is another owner
    return Owner(pid, started(pid) or 0, _boot(), _place())


@cache
def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read()[:8]


@cache
def _place() -> str:
    return f"{zlib.crc32(f'{socket.gethostname()} {os.readlink(NAMESPACE)}'.encode()):08x}"
