"""Where a topology lies whose apps listen on all addresses: on free ports, or in networks of their own."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.plan.custom_services import candidates
from testbed.plan.values import AddressSpace
from testbed.runtime.docker.runtime import DockerRuntime
from testbed.runtime.process import netns, wildcard_ports
from testbed.runtime.process.runtime import ProcessRuntime
from testbed.spec.topology import Topology

SPACE = AddressSpace("127.9")


def topology(**web: Any) -> Topology:
    return Topology(name="t", entry="web", services={"web": {"command": "x", **web}})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _two_ports_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = set(candidates("127.9")[:2])
    monkeypatch.setattr(wildcard_ports, "_is_free", lambda port: port not in taken)
    monkeypatch.setattr(netns, "why_not", lambda: "")


def test_each_replica_on_all_addresses_gets_a_free_port() -> None:
    made = topology(binds="all", replicas=2)
    assert ProcessRuntime.address_space(SPACE, made) == AddressSpace(
        "127.9", wildcard_ports=tuple(candidates("127.9")[2:4])
    )


def test_a_fixed_port_on_all_addresses_gets_a_network_namespace() -> None:
    made = topology(binds="all", port=8080)
    assert ProcessRuntime.address_space(SPACE, made) == AddressSpace("127.9", namespaces=True)


def test_a_service_that_listens_at_ADDR_needs_nothing() -> None:
    assert ProcessRuntime.address_space(SPACE, topology()) == SPACE


def test_containers_need_nothing() -> None:
    space = AddressSpace("10.213", shared_address="10.213.0.1")
    assert DockerRuntime.address_space(space, topology(binds="all", port=8080)) == space
