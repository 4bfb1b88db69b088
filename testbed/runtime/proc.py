"""Reads processes and sockets from /proc."""

from __future__ import annotations

import os
import pwd
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # per second
LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket of this machine, with its user."""

    address: str  # "0.0.0.0"
    port: int
    uid: int
    inode: str


def states(pid: int) -> set[str]:
    """Return the state letters ("R", "S", "T", ...) of all threads; empty if the process does not exist."""
    found = set()
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                found.add(_stat(f"/proc/{pid}/task/{thread}")[0])
    return found


def cpu_seconds(pid: int) -> float:
    """Return user plus system time of all threads including ended ones, in ticks of 10 ms; 0 without process."""
    try:
        fields = _stat(f"/proc/{pid}")
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def files_used(pid: int) -> float:
    """Return the share of its file descriptors that a process has in use; 0 if that cannot be read."""
    with suppress(OSError, IndexError, ValueError):
        limits = Path(f"/proc/{pid}/limits").read_text()
        most = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
        return 0.0 if most == "unlimited" else len(os.listdir(f"/proc/{pid}/fd")) / int(most)
    return 0.0


def handles(pid: int, number: int) -> bool:
    """Return whether a process has a handler for a signal."""
    with suppress(OSError):
        caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return bool(caught and int(caught[1], 16) >> (number - 1) & 1)
    return False


def listener_on(address: str, port: int) -> Listener | None:
    """Return the listener that makes `address:port` unavailable: one there or on all addresses (also of IPv6).

    0.0.0.0 is unavailable if the port is taken at any address.
    """
    for listener in _listeners(port):
        if address == "0.0.0.0" or listener.address in (address, f"::ffff:{address}", "0.0.0.0", "::"):
            return listener
    return None


def listens(pid: int, port: int) -> bool:
    """Return whether something in the network of a process listens on this port."""
    return any(True for _ in _listeners(port, seen_by=str(pid)))


def listener_of(pid: int, address: str, port: int) -> int:
    """Return the inode of the socket that listens there in the network of a process; 0 if there is none."""
    found = [one for one in _listeners(port, seen_by=str(pid)) if one.address in (address, "0.0.0.0", "::")]
    return int(found[0].inode) if found else 0


def listening(group: int) -> list[str]:
    """Return every "ip:port" on which the processes of a group listen, in the network of its leader."""
    inodes: set[str] = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if int(_stat(f"/proc/{pid}")[2]) == group:
                inodes |= {_link(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    listeners = _listeners(seen_by=str(group))
    return sorted(f"{one.address}:{one.port}" for one in listeners if f"socket:[{one.inode}]" in inodes)


def owner(listener: Listener) -> str:
    """Return which process holds a listening socket: command and pid, or the user if /proc hides the process."""
    wanted = f"socket:[{listener.inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if any(_link(f"/proc/{pid}/fd/{fd}") == wanted for fd in os.listdir(f"/proc/{pid}/fd")):
                return f"{_command(pid)} (pid {pid})"
    return f"a process of user {_user(listener.uid)}, hidden in /proc"


def started(pid: int) -> int | None:
    """Return the start time of a process (clock ticks after boot); None if it has ended, reaped or not."""
    try:
        fields = _stat(f"/proc/{pid}")
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _stat(folder: str) -> list[str]:
    """Return the fields after the command name; [0] is the state."""
    return Path(folder, "stat").read_bytes().rpartition(b")")[2].decode().split()


def _listeners(port: int | None = None, seen_by: str = "self") -> Iterator[Listener]:
    for table in (f"/proc/{seen_by}/net/tcp", f"/proc/{seen_by}/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                address, _, local_port = words[1].partition(":")
                if words[3] == LISTEN and port in (None, int(local_port, 16)):
                    yield Listener(_address(address), int(local_port, 16), uid=int(words[7]), inode=words[9])


def _address(text: str) -> str:
    """Turn the hexadecimal words of /proc (in the byte order of the machine) into an address."""
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in re.findall("." * 8, text))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _command(pid: str) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return os.path.basename(words[0].decode(errors="replace")) or Path(f"/proc/{pid}/comm").read_text().strip()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
