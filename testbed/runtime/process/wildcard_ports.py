"""Wildcard ports (on all addresses): such a bind fails if any address of the machine uses the port."""

from __future__ import annotations

import socket
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from testbed.plan.custom_services import EVERYWHERE, binds_fixed_wildcard_port, candidates, wildcard_ports_needed
from testbed.plan.values import AddressSpace
from testbed.runtime.process import netns

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


def address_space(leased: AddressSpace, topology: Topology) -> AddressSpace:
    """Return a leased block with ports or network namespaces for apps that listen on all addresses."""
    space = with_namespaces(leased, topology)
    return replace(space, wildcard_ports=free_ports(space.network, wildcard_ports_needed(topology, space)))


def with_namespaces(space: AddressSpace, topology: Topology) -> AddressSpace:
    """Return the space with network namespaces, if this topology needs them and this user may create them."""
    needed = not space.shares_one_address and any(map(binds_fixed_wildcard_port, topology.services.values()))
    return replace(space, namespaces=needed and not netns.why_not())


def free_ports(network: str, count: int) -> tuple[int, ...]:
    """Return `count` free ports of a leased block, or fewer if there are not enough."""
    return tuple(islice((port for port in candidates(network) if _is_free(port)), count))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like servers
        try:
            probe.bind((EVERYWHERE, port))
        except OSError:
            return False
    return True
