"""A private network for one command: a network namespace for packet faults, without root.

Inside, the network of the machine is not reachable and addresses cannot conflict. The loopback carries packets like a
real network: up to 1,500 bytes, without segmentation offload (the loopback of the host carries up to 64 KB).
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Sequence
from contextlib import closing

from testbed.errors import Unsupported
from testbed.runtime.process import netns
from testbed.runtime.tools.inventory import program

SIOCGIFMTU = 0x8921  # linux/sockios.h
WIRE_MTU = 1500
VARIABLE = "TESTBED_SANDBOX"  # set inside, to 1


def enter(command: Sequence[str]) -> None:
    """Replace this process by `command` in a new network namespace, as root of a user namespace unless root already.

    Does not return. Raises `Unsupported` if the kernel does not allow it or a program is missing.
    """
    try:
        netns.leave(as_root=True)
    except OSError as error:
        raise Unsupported(netns.REFUSED.format((error.strerror or str(error)).lower()), lacks="networks") from None
    _wire_up()
    os.environ[VARIABLE] = "1"
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        raise Unsupported(f"cannot run {command[0]!r}: {error.strerror}") from None


def inside() -> bool:
    """Whether this process runs in a sandbox."""
    return os.environ.get(VARIABLE) == "1"


def wire_like() -> bool:
    """Whether the loopback carries packets of at most 1,500 bytes, like a real network."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        answer = fcntl.ioctl(probe.fileno(), SIOCGIFMTU, struct.pack("16si12x", b"lo", 0))
    return int(struct.unpack("16si12x", answer)[1]) <= WIRE_MTU


def _wire_up() -> None:
    wire = ["mtu", str(WIRE_MTU), "gso_max_segs", "1"]
    done = subprocess.run(
        [program("ip", "a sandbox"), "link", "set", "lo", "up", *wire], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise Unsupported(f"cannot bring up the loopback of the sandbox: {done.stderr.strip()}", lacks="networks")
