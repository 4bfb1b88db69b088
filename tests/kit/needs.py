"""Skips a test where a tool, a privilege or the kernel lacks; the only way to skip, so that CI can tell them apart.

`need("redis-server")` in a fixture or a test, or `@pytest.mark.needs("root")`. The names are those of
testbed/runtime/tools/tools.toml: what an install step brings must be there in CI, what it cannot bring need not
(skips.py).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache
from typing import NoReturn

import pytest

from testbed.errors import Unsupported
from testbed.injection.namespaces import NetworkNamespaces
from testbed.injection.packets.packets import Packets
from testbed.plan.values import AddressSpace
from testbed.runtime.cgroups import Memory
from testbed.runtime.process import netns
from testbed.runtime.tools import inventory


def need(*names: str) -> None:
    """Skip the test unless all of these are here."""
    for name in names:
        if name in PROBES:
            if why := _lacks(name):
                skip(name, why)
        elif why := inventory.why_not(name):
            extra = inventory.extras()[name]
            skip(name, f"needs {extra} ({extra.without}): {why if extra.probe else 'make tools'}")


def skip(lacks: str, why: str) -> NoReturn:
    """Skip the test because of one entry of the list."""
    skipped = pytest.skip.Exception(why)
    skipped.lacks = lacks  # type: ignore[attr-defined]
    raise skipped


@cache
def _lacks(name: str) -> str:
    return PROBES[name]()


def _root() -> str:
    return "" if os.geteuid() == 0 else inventory.machine()["root"]


def _mounts() -> str:
    need("util-linux")
    done = subprocess.run([inventory.find("unshare"), "--mount", "true"], capture_output=True, text=True)
    return f"{inventory.machine()['mounts']}: {done.stderr.strip()}" if done.returncode else ""


def _packets() -> str:
    need("nft")
    packets = Packets([], AddressSpace("127.0"), NetworkNamespaces(()))
    try:
        packets.ready()
    except Unsupported as reason:
        return str(reason)
    finally:
        packets.close()
    return ""


PROBES: dict[str, Callable[[], str]] = {
    "root": _root,
    "mounts": _mounts,
    "networks": netns.why_not,
    "packets": _packets,
    "memory": lambda: Memory().missing,
}
