import os
import socket
from contextlib import contextmanager

import pytest

from testbed.runtime import refusing, sockets


@contextmanager
def listener(family, ip):
    with socket.socket(family) as made:
        made.bind((ip, 0))
        made.listen()
        yield made, made.getsockname()[1]


def inode(one):
    return os.fstat(one.fileno()).st_ino


@pytest.mark.parametrize(
    ("family", "ip", "asked"),
    [
        (socket.AF_INET, "127.9.9.9", "127.9.9.9"),
        (socket.AF_INET, "0.0.0.0", "127.3.3.3"),
        (socket.AF_INET6, "::", "127.3.3.3"),
    ],
)
def test_a_listener_is_found_by_an_address_that_it_serves(family, ip, asked):
    with listener(family, ip) as (made, port):
        assert sockets.inode_of_listener(asked, port) == inode(made)
    assert sockets.inode_of_listener(asked, port) == 0


@pytest.mark.parametrize(
    ("family", "ip", "to"),
    [
        (socket.AF_INET, "127.9.9.9", "127.9.9.9"),
        (socket.AF_INET6, "::", "::ffff:127.4.4.4"),
        (socket.AF_INET6, "::1", "::1"),
    ],
)
def test_both_ends_of_a_connection_are_found(family, ip, to):
    with listener(family, ip) as (made, port), socket.create_connection((to, port)) as caller:
        callee, _ = made.accept()
        found = {one.inode: one for one in sockets.connections([sockets.ESTABLISHED])}
        ours, theirs = found[inode(caller)], found[inode(callee)]
        callee.close()
    assert ours.remote == (to.removeprefix("::ffff:"), port)
    assert (theirs.remote, theirs.local) == (ours.local, ours.remote)


def test_a_borrowed_listener_refuses_new_connections_and_keeps_open_ones():
    with listener(socket.AF_INET, "127.0.0.1") as (made, port), socket.create_connection(("127.0.0.1", port)) as old:
        callee, _ = made.accept()
        refusing.refuse_all([refusing.borrowed(os.getpid(), inode(made))])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        callee.sendall(b"!")
        assert old.recv(1) == b"!"
        callee.close()


def test_a_socket_that_a_process_does_not_have_cannot_be_borrowed():
    with pytest.raises(OSError, match="has no socket 0"):
        refusing.borrowed(os.getpid(), 0)
