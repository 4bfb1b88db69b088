"""A block belongs to one run at a time on the whole host, until the last process that holds it is dead."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.errors import TestbedError
from testbed.runtime.process import lease as lease_module
from testbed.runtime.process.lease import lease_block
from tests.kit.processes import eventually, is_free

pytestmark = pytest.mark.e2e

HOLDER = """
import sys, time
from testbed.runtime.process.lease import lease_block
leases = [lease_block() for _ in range(20)]
print(*(lease.block for lease in leases), flush=True)
time.sleep(600)
"""


@contextmanager
def holder() -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, [int(word) for word in process.stdout.readline().split()]
        finally:
            process.kill()


def test_two_processes_never_hold_the_same_block() -> None:
    with holder() as (_, first), holder() as (_, second):
        assert len({*first, *second}) == 40


def test_kill_9_of_the_holder_frees_its_blocks() -> None:
    with holder() as (process, blocks):
        assert not any(map(is_free, blocks))
        process.kill()
        process.wait(60)
        eventually(lambda: all(map(is_free, blocks)))


def test_a_released_block_is_free_and_releasing_twice_is_harmless() -> None:
    lease = lease_block()
    assert not is_free(lease.block)
    lease.release()
    lease.release()
    assert is_free(lease.block)


def test_all_taken_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        port = everywhere.getsockname()[1]
        monkeypatch.setattr(lease_module, "PORT", port)
        with pytest.raises(TestbedError, match=rf"all address blocks 127.1-127.254 are leased .*0\.0\.0\.0:{port}"):
            lease_block()
