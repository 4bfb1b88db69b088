"""Where a plan lies: every replica's links at its own address, or all of them at one, each with a port of its own."""

import json

import pytest

from testbed.errors import TopologyError
from testbed.experiment.planning import plan_for
from testbed.experiment.sources import logs
from testbed.plan.describe import as_data
from testbed.plan.make import INLET_PORT, LINK_PORT
from testbed.plan.values import AddressSpace
from testbed.spec.topology import Topology

SHOP = {
    "name": "t",
    "entry": "front",
    "services": {
        "front": {"language": "go", "replicas": 2, "calls": ["back", "auth"]},
        "back": {"language": "go", "replicas": 2, "calls": ["auth"], "resetPath": "/reset"},
        "auth": {"language": "python"},
    },
}
LOOPBACK, CONTAINERS = AddressSpace("127.9"), AddressSpace("10.213", "10.213.0.2")
GROUNDS = pytest.mark.parametrize("space", [LOOPBACK, CONTAINERS], ids=["loopback", "containers"])
PLACEMENTS = pytest.mark.parametrize("placement", ["sidecar", "node"])


def shop(**changes):
    return Topology.model_validate(SHOP | changes)


def outside(address):
    return f"published {address}"


@GROUNDS
@PLACEMENTS
def test_no_two_processes_have_the_same_address(space, placement):
    plan = plan_for(shop(placement=placement), space)
    wanted = [address for process in plan.processes for address in process.listens]
    assert len(set(wanted)) == len(wanted)
    assert {link.listen for link in plan.links} | {link.inlet for link in plan.links} <= set(wanted)


@GROUNDS
def test_a_plan_is_the_same_each_time(space):
    assert json.dumps(as_data(plan_for(shop(), space))) == json.dumps(as_data(plan_for(shop(), space)))


def test_on_the_loopback_a_link_is_at_its_callee_with_the_port_of_its_caller():
    links = {link.name: link for link in plan_for(shop(), LOOPBACK).links}
    assert links["front-1--back-2"].listen == "127.9.2.2:10001"
    assert links["front-2--back-2"].listen == "127.9.2.2:10002"
    assert links["front-2--auth-1"].inlet == "127.9.3.1:20002"


@PLACEMENTS
def test_at_one_address_every_link_has_its_port_in_the_plans_order(placement):
    links = plan_for(shop(placement=placement), CONTAINERS).links
    assert [link.listen for link in links] == [f"10.213.0.2:{LINK_PORT + n}" for n in range(len(links))]
    assert [link.inlet for link in links] == [f"10.213.0.2:{INLET_PORT + n}" for n in range(len(links))]
    assert {link.app for link in links if link.callee == "back-2"} == {"10.213.2.2:8080"}


def test_an_edge_without_request_faults_keeps_its_port():
    edges = {"front -> back": {"requestFaults": False}}
    with_and_without = [plan_for(shop(**more), CONTAINERS).links for more in ({}, {"edges": edges})]
    assert [link.listen for link in with_and_without[0]] == [link.listen for link in with_and_without[1]]
    assert {link.inlet for link in with_and_without[1] if link.edge == "front -> back"} == {None}


def test_links_and_inlet_are_at_the_shared_address_too():
    plan = plan_for(shop(ports={"admin": 9991}), CONTAINERS)
    own = [plan.links_api, plan.probe.listen, plan.inlet_admin, plan.inlet_control]
    assert own == [f"10.213.0.2:{port}" for port in (8474, 8475, 9990, 9991)]
    assert [plan_for(shop(), LOOPBACK).links_api, plan_for(shop(), LOOPBACK).inlet_admin] == [
        "unix:{dir}/links/api.sock",
        "127.9.0.2:9990",
    ]


def test_more_links_than_ports_are_an_error(monkeypatch):
    many = {name: {"language": "go", "replicas": 8, "calls": calls} for name, calls in (("a", ["b"]), ("b", []))}
    big = Topology.model_validate({"name": "big", "entry": "a", "services": many})
    links = len(plan_for(big, CONTAINERS).links)
    monkeypatch.setattr("testbed.plan.make.INLET_PORT", LINK_PORT + links)
    assert len(plan_for(big, CONTAINERS).links) == links
    monkeypatch.setattr("testbed.plan.make.INLET_PORT", LINK_PORT + links - 1)
    with pytest.raises(TopologyError, match=r"big needs more links than 10\.213\.0\.2 has ports"):
        plan_for(big, CONTAINERS)


@GROUNDS
def test_only_addresses_of_the_run_belong_to_it(space):
    plan = plan_for(shop(), space)
    assert all(space.holds(link.listen) for link in (*plan.links, plan.probe))
    assert not space.holds("127.90.2.1:10000")
    assert not space.holds("10.2.0.2:10000")


def test_with_a_shared_address_no_link_has_the_address_of_a_replica():
    assert not CONTAINERS.holds("10.213.1.1:10000")


@GROUNDS
def test_every_process_lists_the_addresses_that_the_test_uses(space):
    plan = plan_for(shop(), space)
    reached = {process.name: process.reached for process in plan.processes}
    entries = [link.listen for link in plan.links if link.caller == "client"]
    api = [plan.links_api] if space.shares_one_address else []  # else it is a socket
    assert reached["links"] == (*api, plan.probe.listen, *entries)
    assert reached["inlet"] == (plan.inlet_admin, plan.inlet_control)
    assert reached["front-1/proxy"] == (f"{space.network}.1.1:9990",)
    assert reached["front-1/app"] == ()
    assert reached["back-2/app"] == (f"{space.network}.2.2:8080",)
    assert all(set(process.reached) <= set(process.listens) for process in plan.processes)


# -- what the test asks, it asks from outside


def test_the_load_uses_the_published_address_of_the_entry():
    plan = plan_for(shop(), CONTAINERS)
    assert plan.entries() == {"front-1": "http://10.213.0.2:10000", "front-2": "http://10.213.0.2:10001"}
    assert plan.entries(outside)["front-2"] == "http://published 10.213.0.2:10001"


def test_counters_use_published_addresses_and_logs_use_planned_addresses():
    plan = plan_for(shop(), CONTAINERS)
    found = {log.process: log for log in logs(plan, outside)}
    assert found["inlet"].admin == "published 10.213.0.2:9990"
    assert found["front-1/proxy"].admin == "published 10.213.1.1:9990"
    assert found["front-1/proxy"].links == next(log for log in logs(plan) if log.process == "front-1/proxy").links
    line = {"local": "10.213.0.2:20000", "baggage": "tb.id=r1", "attempt": "1", "fault": "", "start": "1", "end": "2"}
    line |= {"status": "200", "flags": "-", "details": "via_upstream", "method": "GET", "path": "/"}
    (event,) = found["inlet"].reader(1)([json.dumps(line)]).events
    assert event.caller == "client"


def test_a_log_without_counters_gets_none():
    assert {log.admin for log in logs(plan_for(shop(mesh="none"), LOOPBACK), outside) if log.process != "inlet"} == {
        None
    }


# -- services of the user's own


def own(space, **service):
    services = {"web": {"command": "x", "calls": ["db"]}, "db": service}
    return plan_for(Topology.model_validate({"name": "t", "entry": "web", "services": services}), space)


def test_in_a_container_an_app_on_all_addresses_has_its_own_port():
    asked = {"command": "x", "binds": "all", "resetPath": "/reset", "replicas": 50}
    plan = own(CONTAINERS, **asked)
    assert plan.replicas[-1].app == "10.213.2.50:8080"
    (last,) = (process for process in plan.processes if process.name == "db-50/app")
    assert (last.listens, last.reached) == (("0.0.0.0:8080",), ("10.213.2.50:8080",))
    with pytest.raises(TopologyError, match="50 replicas listen on all addresses"):
        own(LOOPBACK, **asked)


def test_an_external_service_on_loopback_is_an_error_with_containers():
    assert own(CONTAINERS, address="10.1.2.3:5432").links[-1].app == "10.1.2.3:5432"
    assert own(LOOPBACK, address="127.0.0.1:5432").links[-1].app == "127.0.0.1:5432"
    with pytest.raises(TopologyError, match="services.db.address: 127.0.0.1:5432 is a loopback address"):
        own(CONTAINERS, address="127.0.0.1:5432")
