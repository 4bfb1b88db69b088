"""The owner of a run: a process, identified by pid, start time, boot and place, which rules out recycled pids."""

from __future__ import annotations

import os
import re
import socket
import zlib
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from testbed.runtime.proc import started

MARK = "TESTBED_OWNER"  # in the environment of every process that a run starts
PREFIX = "testbed"
NAMESPACE = "/proc/self/ns/pid"
MACHINE = "/etc/machine-id"  # two machines with one name can share a Docker daemon or a disk
USERS = "/proc/self/uid_map"
NAMED = re.compile(PREFIX + r"-(\d+-\d+-[0-9a-f]{8}-[0-9a-f]{8})-(.+)")


class Owner(NamedTuple):
    """The process that started a run; as text, a part of the names of what it owns."""

    pid: int
    started: int  # clock ticks after the boot: field 22 of /proc/PID/stat
    boot: str  # the first eight characters of the boot id
    place: str  # checksum of machine, host name and pid namespace, because pids repeat in other namespaces

    def __str__(self) -> str:
        return f"{self.pid}-{self.started}-{self.boot}-{self.place}"

    def called(self, rest: str) -> str:
        """Return the name of a resource of this owner."""
        return f"{PREFIX}-{self}-{rest}"


class State(StrEnum):
    """The state of an owner."""

    ALIVE = "alive"
    DEAD = "dead"
    ELSEWHERE = (
        "elsewhere"  # in another container or on another machine: its state is unknown, so its resources are kept
    )


def parse(text: str) -> Owner | None:
    """Parse an owner from a string; None if the string is not an owner."""
    pid, _, rest = text.partition("-")
    started, _, rest = rest.partition("-")
    boot, _, place = rest.partition("-")
    return Owner(int(pid), int(started), boot, place) if pid.isdecimal() and started.isdecimal() and place else None


def named(name: str) -> tuple[Owner, str] | None:
    """Split a name made by `Owner.called` into owner and rest; None for any other name."""
    found = NAMED.fullmatch(name) if name.startswith(PREFIX) else None
    owner = parse(found[1]) if found else None
    return (owner, found[2]) if found and owner else None


def judge(owner: Owner, boot: str, place: str, started: Callable[[int], int | None]) -> State:
    """Return the state of an owner. `started` returns the start time of a running pid."""
    if owner.place != place:
        return State.ELSEWHERE
    if owner.boot != boot:
        return State.DEAD
    return State.ALIVE if started(owner.pid) == owner.started else State.DEAD


def me() -> Owner:
    """Return this process as an owner."""
    return _of(os.getpid())


def state(owner: Owner) -> State:
    """Return the current state of an owner."""
    return judge(owner, _boot(), _place(), started)


def place(machine: str, host: str, namespace: str) -> str:
    """Return the place of an owner: eight hexadecimal digits."""
    return f"{zlib.crc32(f'{machine} {host} {namespace}'.encode()):08x}"


def user() -> int:
    """Return the uid of this process outside its user namespace: root of a sandbox is not root of the machine."""
    mine = os.geteuid()
    with suppress(OSError, ValueError), open(USERS) as file:
        for line in file:
            inside, outside, number = map(int, line.split())
            if inside <= mine < inside + number:
                return outside + mine - inside
    return mine


@cache
def _of(pid: int) -> Owner:  # the key is the pid: a fork is another owner
    return Owner(pid, started(pid) or 0, _boot(), _place())


@cache
def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read()[:8]


@cache
def _place() -> str:
    machine = ""
    with suppress(OSError), open(MACHINE) as file:
        machine = file.read().strip()
    return place(machine, socket.gethostname(), os.readlink(NAMESPACE))
