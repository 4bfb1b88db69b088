"""The address that answers no SYN: held by this process, gone with it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from testbed.errors import TestbedError
from testbed.injection.toxiproxy.blackhole import FullBacklog
from testbed.runtime.process.lease import lease_block

pytestmark = pytest.mark.e2e

OWNER = """
import sys, time
from testbed.injection.toxiproxy.blackhole import FullBacklog
held = FullBacklog(sys.argv[1])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def address() -> Iterator[str]:
    lease = lease_block()
    yield f"{lease.network}.9.1:10001"
    lease.release()


def connect(address: str, timeout_s: float = 0.3) -> None:
    ip, _, port = address.rpartition(":")
    socket.create_connection((ip, int(port)), timeout=timeout_s).close()


def test_nobody_is_answered_and_nobody_refused(address: str) -> None:
    held = FullBacklog(address)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            connect(address, 0.1)
    held.close()
    held.close()
    with pytest.raises(ConnectionRefusedError):
        connect(address)


def test_an_address_that_had_connections_can_be_held(address: str) -> None:
    """As after Toxiproxy has closed its own: they linger in TIME_WAIT."""
    ip, _, port = address.rpartition(":")
    with socket.create_server((ip, int(port))) as server, socket.create_connection((ip, int(port))) as client:
        server.accept()[0].close()
        client.recv(1)
    FullBacklog(address).close()


def test_an_address_in_use_is_an_error_and_leaves_it_as_it_is(address: str) -> None:
    ip, _, port = address.rpartition(":")
    with socket.create_server((ip, int(port))):
        with pytest.raises(TestbedError, match=f"cannot hold {address}"):
            FullBacklog(address)
        connect(address)


def test_nothing_outlives_the_process_that_held_it(address: str) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, address], stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError):
            connect(address)
        owner.send_signal(signal.SIGKILL)
    with pytest.raises(ConnectionRefusedError):
        connect(address)
