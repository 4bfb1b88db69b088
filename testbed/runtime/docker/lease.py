"""Leases a network for one run. The daemon refuses a second network with the same addresses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from testbed.errors import TestbedError
from testbed.plan.values import AddressSpace
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Engine, Refused
from testbed.runtime.docker.guard import Guard
from testbed.runtime.docker.leftovers import remove_run, sweep

FIRST, LAST = 128, 254  # of 10.x.0.0/16: rarely used by routers, VPNs and Docker itself
ROUTES = Path("/proc/net/route")
WIDTH = 0xFFFF0000  # the mask of one block
PLANE, GATEWAY = "0.1", "0.254"  # service 0 is the testbed itself, so no replica and no node has these


class DockerLease:
    """The network of a run, and the guard that removes it with all its containers if this process dies."""

    def __init__(self, engine: Engine, marks: Mapping[str, str], network: str, guard: Guard) -> None:
        self.engine, self.labels, self.guard = engine, marks, guard
        self.space = AddressSpace(network, shared_address=f"{network}.{PLANE}", test_address=f"{network}.{GATEWAY}")
        self._released = False

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.labels[labels.RUN]

    @property
    def name(self) -> str:
        """The name of the network, which is the prefix of container names."""
        return _name(self.labels)

    @property
    def routed(self) -> bool:
        """Whether this machine has a route to the network. If not, the daemon runs in another machine."""
        return self.space.network not in _candidates(ROUTES.read_text())

    def release(self) -> None:
        """Remove the rest of the run. Does nothing on a second call or if the daemon is gone."""
        if not self._released:
            self._released = True
            with suppress(TestbedError):
                remove_run(self.engine, self.run)
                self.guard.stop()
            self.guard.close()
            self.engine.close()


def lease_network() -> DockerLease:
    """Remove resources of dead owners, then create a network in the first free block from a random start.

    Raises `Unavailable` if there is no daemon that this user may use, `TestbedError` if no block is free.
    """
    engine, marks = Engine(), labels.of_a_new_run()
    guard = Guard(marks[labels.RUN])
    try:
        sweep(engine)
        return DockerLease(engine, marks, _network(engine, marks), guard)
    except BaseException:
        guard.stop()
        guard.close()
        engine.close()
        raise


def _network(engine: Engine, marks: Mapping[str, str]) -> str:
    """Make the network and return its prefix, such as "10.213"."""
    why = "this machine has a route to each of them"
    for network in _candidates(ROUTES.read_text()):
        try:
            engine.create_network(_name(marks), f"{network}.0.0/16", f"{network}.{GATEWAY}", marks)
        except Refused as refusal:
            why = str(refusal)
            if "overlap" not in why.lower():
                raise
        else:
            return network
    raise TestbedError(f"no address block 10.{FIRST}-10.{LAST} is free: {why}")


def _name(marks: Mapping[str, str]) -> str:
    return f"testbed-{marks[labels.RUN]}"


def _candidates(routes: str) -> Iterator[str]:
    """Yield blocks from a random start: first those to which this machine has no route, then parts of wider routes."""
    number, start, taken = LAST - FIRST + 1, int.from_bytes(os.urandom(2), "big"), list(_destinations(routes))
    blocks = [10 << 24 | FIRST + (start + step) % number << 16 for step in range(number)]
    overlap = {block: _overlap(block, taken) for block in blocks}
    yield from (f"10.{block >> 16 & 255}" for wide in (False, True) for block in blocks if overlap[block] is wide)


def _overlap(block: int, taken: Sequence[tuple[int, int]]) -> bool | None:
    """Whether a wider route includes a block; None if a route leads exactly to it or to a part of it."""
    masks = [mask for destination, mask in taken if (block ^ destination) & mask & WIDTH == 0]
    return None if any(mask & WIDTH == WIDTH for mask in masks) else bool(masks)


def _destinations(routes: str) -> Iterator[tuple[int, int]]:
    """Yield destination and mask of every route except the default one, from /proc/net/route."""
    for line in routes.splitlines()[1:]:
        words = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(words[place]), "little") for place in (1, 7))
        if mask:
            yield destination, mask
