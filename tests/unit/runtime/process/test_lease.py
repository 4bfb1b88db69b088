"""What a lease says of its block; that it holds it is proved in tests/e2e/runtime/test_lease.py."""

from __future__ import annotations

import socket

from testbed.plan.values import AddressSpace
from testbed.runtime.process.lease import Lease


def test_the_block_is_the_second_number_of_its_addresses() -> None:
    with socket.socket() as held:
        lease = Lease(50, held)
        assert lease.network == "127.50"
        assert lease.space == AddressSpace("127.50")


def test_the_socket_keeps_the_block_until_it_is_released() -> None:
    held = socket.socket()
    lease = Lease(50, held)
    assert lease.fileno() == held.fileno() >= 0
    lease.release()
    lease.release()
    assert held.fileno() == -1
