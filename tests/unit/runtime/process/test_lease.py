"""Addresses in a block."""

from __future__ import annotations

import socket

import pytest

from testbed.errors import TestbedError
from testbed.runtime.process.lease import Lease


@pytest.fixture
def lease() -> Lease:
    held = socket.socket()
    held.close()
    return Lease(50, held)


def test_a_replica_has_an_address_like_a_pod(lease: Lease) -> None:
    assert lease.network == "127.50"
    assert lease.address(4, 2) == "127.50.4.2"
    assert lease.address(0, 1) == "127.50.0.1"
    assert lease.address(254, 254) == "127.50.254.254"


@pytest.mark.parametrize(("service", "replica"), [(255, 1), (1, 255), (1, 0), (-1, 1)])
def test_what_does_not_fit_is_refused(lease: Lease, service: int, replica: int) -> None:
    with pytest.raises(TestbedError, match=f"no address for replica {replica} of service {service}"):
        lease.address(service, replica)
