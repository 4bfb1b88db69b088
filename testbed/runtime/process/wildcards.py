"""Ports on all addresses: such a bind fails as soon as any address of the machine has the port."""

from __future__ import annotations

import socket
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from testbed.plan.custom_services import EVERYWHERE, candidates, is_greedy, wildcards
from testbed.plan.values import Ground
from testbed.runtime import AddressSpace
from testbed.runtime.process import netns

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


def address_space(ground: Ground, topology: Topology) -> AddressSpace:
    """Return a leased block with what the apps need that listen on all addresses: ports, or networks of their own."""
    ground = with_namespaces(ground, topology)
    return AddressSpace(ground, free_ports(ground.network, wildcards(topology, ground)))


def with_namespaces(ground: Ground, topology: Topology) -> Ground:
    """Return the ground with network namespaces, if this topology needs any there and this user may make them."""
    needed = not ground.plane and any(map(is_greedy, topology.services.values()))
    return replace(ground, namespaces=needed and not netns.why_not())


def free_ports(network: str, count: int) -> tuple[int, ...]:
    """Return so many ports of a leased block that nobody on this machine has; fewer if there are not so many."""
    return tuple(islice((port for port in candidates(network) if _is_free(port)), count))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers do
        try:
            probe.bind((EVERYWHERE, port))
        except OSError:
            return False
    return True
