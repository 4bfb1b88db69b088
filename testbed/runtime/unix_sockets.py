"""Unix sockets of a run: addresses "unix:PATH", and connections to them however long the path is."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "unix:"
LONGEST = 107  # bytes of a path in an address (`sun_path` in unix(7), without its last zero)


def is_unix(address: str) -> bool:
    """Whether an address is that of a Unix socket."""
    return address.startswith(PREFIX)


def path_of(address: str) -> str:
    """Return the path of an address."""
    return address.removeprefix(PREFIX)


@contextmanager
def usable(path: str) -> Iterator[str]:
    """Yield a path to the same socket that fits into an address, valid within the block. Raises `OSError`."""
    if len(os.fsencode(path)) <= LONGEST:
        yield path
        return
    folder, name = os.path.split(path)
    number = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(Path("/proc/self/fd", str(number), name))
    finally:
        os.close(number)


def connected(path: str, timeout_s: float | None) -> socket.socket:
    """Return a connection to a Unix socket. Raises `OSError`."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.settimeout(timeout_s)
        with usable(path) as short:
            line.connect(short)
    except BaseException:
        line.close()
        raise
    return line
