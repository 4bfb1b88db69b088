"""Unanswered: an address on which every SYN is lost, without root: a listener whose queue of connections is full.

Linux drops a SYN, and says nothing, where the listener's queue of connections that wait to be accepted is full
(`listen(2)`, and `tcp_abort_on_overflow` in `tcp(7)`). A queue for none takes one; that one is ours.
"""

from __future__ import annotations

import select
import socket

from testbed.errors import TestbedError

PROBE_S = 0.05  # on loopback, a SYN that is answered at all is answered within microseconds
MOST = 8  # connections that a queue for none may hold


class FullQueue:
    """Holds one address ("ip:port") that nobody listens on; gone when closed, or when this process dies.

    Raises `TestbedError` if the address cannot be had, or if a SYN is still answered.
    """

    def __init__(self, address: str) -> None:
        ip, _, port = address.rpartition(":")
        self._address, self._waiting = (ip, int(port)), list[socket.socket]()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections are no obstacle
        try:
            self._listener.bind(self._address)
            self._listener.listen(0)
            self._fill()
        except OSError as problem:
            self.close()
            raise TestbedError(f"cannot hold {address} so that no SYN is answered: {problem}") from problem

    def close(self) -> None:
        """Give the address up; a second call does nothing."""
        for one in (*self._waiting, self._listener):
            one.close()

    def _fill(self) -> None:
        """Connect until nobody answers: the last try is the proof."""
        while self._connects():
            if len(self._waiting) > MOST:
                raise OSError(f"{MOST} connections do not fill a queue for none")

    def _connects(self) -> bool:
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setblocking(False)
        one.connect_ex(self._address)
        self._waiting.append(one)
        _, connected, _ = select.select([], [one], [], PROBE_S)
        return bool(connected)
