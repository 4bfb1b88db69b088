"""Leases one block of loopback addresses (127.b.0.0/16) for a run, with a bound socket that blocks other runs."""

from __future__ import annotations

import errno
import os
import socket

from testbed.errors import TestbedError
from testbed.plan.values import AddressSpace

PORT = 61_127  # above Linux's default ephemeral range (32768-60999), so no outgoing connection takes it
FIRST, LAST = 1, 254  # block 0 is shared: 127.0.0.1


class Lease:
    """One leased block. The kernel releases it when the last process with the socket has died."""

    def __init__(self, block: int, held: socket.socket) -> None:
        self.block = block
        self._held = held

    @property
    def network(self) -> str:
        """The prefix of the block, such as "127.50"."""
        return f"127.{self.block}"

    @property
    def space(self) -> AddressSpace:
        """The address space of this block: links and inlets are at the address of their callee."""
        return AddressSpace(self.network)

    def fileno(self) -> int:
        """Return the descriptor of the bound socket. A process that inherits it keeps the block."""
        return self._held.fileno()

    def release(self) -> None:
        """Release the block in this process. A second call does nothing."""
        self._held.close()


def lease_block() -> Lease:
    """Lease the first free block from a random start. Raises `TestbedError` when all 254 are taken."""
    start = int.from_bytes(os.urandom(2), "big")
    for step in range(LAST):
        block = FIRST + (start + step) % LAST
        held = _hold(f"127.{block}.0.254")
        if held is not None:
            return Lease(block, held)
    raise TestbedError(
        f"all address blocks 127.{FIRST}-127.{LAST} are leased (port {PORT} of 127.<block>.0.254 is taken in each): "
        f"too many meshes are running, or a program listens on 0.0.0.0:{PORT} (see `ss -ltnp`)"
    )


def _hold(address: str) -> socket.socket | None:
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.bind((address, PORT))  # no SO_REUSEADDR: a second holder must be refused
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRINUSE:
            return None
        text = f"cannot bind {address}:{PORT} ({error.strerror}): all of 127/8 must be local, as on Linux"
        raise TestbedError(text) from error
    return held
