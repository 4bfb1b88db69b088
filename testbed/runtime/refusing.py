"""Makes a listener of another process refuse new connections, while its open connections stay.

A callee that finishes its requests refuses new ones. The link before it has one listener for both, and Toxiproxy can
only close everything. So the socket is borrowed (`pidfd_getfd(2)`) and shut down for new connections; a link that is
closed and opened again listens anew. The reaper imports this file: it uses only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterable
from contextlib import suppress

PIDFD_GETFD = 438  # the same number on every architecture


def borrowed(pid: int, inode: int) -> socket.socket:
    """Return a duplicate of a socket of another process. Raises `OSError` if that is not allowed."""
    wanted = f"socket:[{inode}]"
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{fd}") == wanted:
                return _duplicate(pid, int(fd))
    raise OSError(f"process {pid} has no socket {inode}")


def refuse(listener: socket.socket) -> None:
    """Make a borrowed listener refuse new connections, and return it."""
    with listener, suppress(OSError):  # it is closed already
        listener.shutdown(socket.SHUT_RD)


def refuse_all(listeners: Iterable[socket.socket]) -> None:
    """Make borrowed listeners refuse new connections, and return them."""
    for listener in listeners:
        refuse(listener)


def _duplicate(pid: int, fd: int) -> socket.socket:
    handle = os.pidfd_open(pid)
    try:
        copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, handle, fd, 0)
        if copy < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return socket.socket(fileno=copy)
    finally:
        os.close(handle)
