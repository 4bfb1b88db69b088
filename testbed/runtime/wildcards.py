"""Ports on all addresses: such a bind fails as soon as any address of the machine has the port."""

from __future__ import annotations

import socket
from itertools import islice

from testbed.programs import EVERYWHERE, candidates


def free_ports(network: str, count: int) -> tuple[int, ...]:
    """Return so many ports of a leased block that nobody on this machine has; fewer if there are not so many."""
    return tuple(islice((port for port in candidates(network) if _is_free(port)), count))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers do
        try:
            probe.bind((EVERYWHERE, port))
        except OSError:
            return False
    return True
