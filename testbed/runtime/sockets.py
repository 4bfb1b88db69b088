"""Asks the kernel for TCP sockets (`sock_diag(7)`): far cheaper than /proc/net/tcp, which walks the whole hash table.

It sees the sockets of the network of this thread. The reaper imports this file: it uses only the standard library.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SOCK_DIAG, BY_FAMILY, TCP_ALL = 4, 20, 18  # linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
REQUEST, DUMP, ERROR, DONE = 0x1, 0x300, 2, 3
ESTABLISHED, CLOSE_WAIT, TIME_WAIT, LISTEN = 1, 8, 6, 10  # include/net/tcp_states.h
ANY_COOKIE = b"\xff" * 8
HEAD = struct.Struct("=IHHII")
ALL = struct.Struct("=4x48xI4x")
ASKED = struct.Struct("=BBxxIHH16s16sI8s")  # ports in the order of the network
FOUND = struct.Struct("=BBxx2s2s16s16sI8sIIIII")
BUFFER = 1 << 17


class Connection(NamedTuple):
    """One end of a TCP connection; `inode` 0: no process holds it (any more)."""

    state: int
    local: tuple[str, int]
    remote: tuple[str, int]
    inode: int


def inode_of_listener(ip: str, port: int) -> int:
    """Return the inode of the socket that takes new connections to an IPv4 address, 0 if there is none."""
    wanted = _asked(socket.AF_INET, 1 << LISTEN, port, socket.inet_aton(ip))
    for kind, body in _answers(REQUEST, wanted):
        if kind == BY_FAMILY and (found := FOUND.unpack_from(body))[1] == LISTEN:
            return int(found[12])
    return 0


def connections(states: Iterable[int]) -> Iterator[Connection]:
    """Yield all connections in these states; addresses of IPv4 in IPv6 are IPv4 addresses. Raises `OSError`.

    One walk for both families, which only the older request offers.
    """
    for kind, body in _answers(REQUEST | DUMP, ALL.pack(sum(1 << state for state in states)), TCP_ALL):
        if kind == TCP_ALL:
            family, state, sport, dport, source, target, *_, inode = FOUND.unpack_from(body)
            yield Connection(state, _end(family, source, sport), _end(family, target, dport), inode)


def _asked(family: int, states: int, port: int, local: bytes) -> bytes:
    at = int.from_bytes(port.to_bytes(2, "big"), "little" if _LITTLE else "big")
    return ASKED.pack(family, socket.IPPROTO_TCP, states, at, 0, local, b"", 0, ANY_COOKIE)


_LITTLE = struct.pack("=H", 1) == b"\1\0"


def _answers(flags: int, body: bytes, kind_asked: int = BY_FAMILY) -> Iterator[tuple[int, bytes]]:
    """Send one request and yield its answers: their kinds and bodies."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, SOCK_DIAG) as line:
        line.send(HEAD.pack(HEAD.size + len(body), kind_asked, flags, 1, 0) + body)
        while True:
            data, at = line.recv(BUFFER), 0
            while at < len(data):
                size, kind, _, _, _ = HEAD.unpack_from(data, at)
                if kind == DONE:
                    return
                if kind == ERROR:
                    code = -struct.unpack_from("=i", data, at + HEAD.size)[0]
                    if code in (0, errno.ENOENT):
                        return
                    raise OSError(code, "the kernel does not tell of sockets")
                yield kind, data[at + HEAD.size : at + size]
                at += (size + 3) & ~3
            if flags == REQUEST:
                return


def _end(family: int, address: bytes, port: bytes) -> tuple[str, int]:
    if family == socket.AF_INET:
        return socket.inet_ntoa(address[:4]), int.from_bytes(port, "big")
    if address.startswith(b"\0" * 10 + b"\xff\xff"):
        return socket.inet_ntoa(address[12:]), int.from_bytes(port, "big")
    return socket.inet_ntop(family, address), int.from_bytes(port, "big")
