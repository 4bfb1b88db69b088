"""What /proc tells, asked of this very process and of its own sockets."""

from __future__ import annotations

import os
import socket
import time

from testbed.runtime import proc
from testbed.runtime.process import system


def test_states_of_a_living_and_of_a_dead_process() -> None:
    assert proc.states(os.getpid()) & {"R", "S"}
    assert proc.states(2**22 + 1) == set()


def test_cpu_time_of_a_living_and_of_a_dead_process() -> None:
    assert abs(proc.cpu_seconds(os.getpid()) - time.process_time()) < 0.2
    assert proc.cpu_seconds(2**22 + 1) == 0


def test_a_listener_is_found_by_its_address_or_by_all_addresses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("0.0.0.0", 0)) as everywhere:
        port, everywhere_port = one.getsockname()[1], everywhere.getsockname()[1]
        found = proc.listener_on("127.0.0.1", port)
        assert found is not None
        assert (found.address, found.port, found.uid) == ("127.0.0.1", port, os.getuid())
        assert proc.owner(found).endswith(f"(pid {os.getpid()})")
        assert proc.listener_on("127.0.0.2", port) is None
        through_all = proc.listener_on("127.77.1.1", everywhere_port)
        assert through_all is not None
        assert through_all.address == "0.0.0.0"


def test_the_user_of_a_hidden_process_is_reported() -> None:
    hidden = proc.Listener("0.0.0.0", 8080, uid=0, inode="0")
    assert proc.owner(hidden) == "a process of user root, hidden in /proc"
    nameless = proc.Listener("0.0.0.0", 8080, uid=4_000_000, inode="0")
    assert "user 4000000," in proc.owner(nameless)


def test_the_reaper_finds_children_without_the_kernels_list_too() -> None:
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    try:
        assert child in system.scan(os.getpid())
        assert child in system.children()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
