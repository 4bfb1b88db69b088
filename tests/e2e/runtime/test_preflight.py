"""An address in use: one message that names the address, who wants it, who holds it, and the way out."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.plan.values import Process, Ready
from testbed.runtime.process.lease import Lease
from testbed.runtime.process.preflight import check_addresses
from testbed.runtime.process.runtime import ProcessRuntime

pytestmark = pytest.mark.e2e

FOREIGNER = """
import socket, sys, time
host = sys.argv[1]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
server = socket.create_server((host, 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""


@contextmanager
def foreigner(host: str) -> Iterator[tuple[int, int]]:
    """A foreign process that listens on `host`; its pid and port."""
    with subprocess.Popen([sys.executable, "-c", FOREIGNER, host], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def wanting(name: str, *listens: str) -> Process:
    return Process(name, "app", ("python", "-c", "raise SystemExit"), Ready(f"http://{listens[0]}/"), listens)


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "0.0.0.0"), ("::", "[::]")])
def test_a_foreign_listener_on_all_addresses(tmp_path: Path, lease: Lease, host: str, shown: str) -> None:
    address = f"{lease.network}.4.1"
    with foreigner(host) as (pid, port):
        runtime = ProcessRuntime(tmp_path / "run", lease)
        with pytest.raises(TestbedError) as caught:
            runtime.start([wanting("pricing-1/app", f"{address}:{port}")], [])
    holder = f"held by {Path(sys.executable).name} (pid {pid}), listening on {shown}:{port}"
    assert f"  {address}:{port}, needed by pricing-1/app: {holder}\n" in str(caught.value)
    assert "`ports: {app: 18080}`" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_foreign_listener_on_the_same_address(lease: Lease) -> None:
    address = f"{lease.network}.4.1"
    with foreigner(address) as (pid, port), pytest.raises(TestbedError, match=rf"\(pid {pid}\).* {address}:{port}\n"):
        check_addresses([wanting("pricing-1/app", f"{address}:{port}")])


def test_a_socket_that_does_not_listen_has_no_name(lease: Lease) -> None:
    with socket.socket() as silent:
        silent.bind((f"{lease.network}.4.1", 0))
        address = "{}:{}".format(*silent.getsockname())
        with pytest.raises(TestbedError, match=f"{address}, needed by a-1/app: held by a socket that does not listen"):
            check_addresses([wanting("a-1/app", address)])


def test_all_conflicts_are_in_one_message_which_stays_short(lease: Lease) -> None:
    with foreigner("0.0.0.0") as (_, port):
        processes = [wanting(f"a-{number}/app", f"{lease.network}.1.{number}:{port}") for number in range(1, 9)]
        with pytest.raises(TestbedError) as caught:
            check_addresses(processes)
    lines = str(caught.value).splitlines()
    assert lines[0] == "cannot start, addresses are in use: 8"
    assert [line.split("/app")[0].split()[-1] for line in lines[1:6]] == [f"a-{number}" for number in range(1, 6)]
    assert lines[6] == "  ... and 3 more"


def test_two_processes_of_the_plan_with_the_same_address(lease: Lease) -> None:
    address = f"{lease.network}.1.1:8080"
    with pytest.raises(TestbedError, match=f"{address}, needed by both a-1/app and a-1/proxy"):
        check_addresses([wanting("a-1/app", address), wanting("a-1/proxy", address)])


def test_past_connections_do_not_block_an_address(lease: Lease) -> None:
    """The side that closes first leaves its port in TIME_WAIT, in which a server may take it again."""
    with socket.create_server((f"{lease.network}.1.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            server.accept()[0].close()
            client.recv(1)
    check_addresses([wanting("a-1/app", "{}:{}".format(*address))])
