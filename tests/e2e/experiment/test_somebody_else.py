"""Somebody else sets a fault while a load is on: the run is an error of the testbed, never a verdict."""

import json
import urllib.request

import pytest

from testbed import TestbedError, abort, constant_rate, get
from testbed.experiment.launch import launch
from testbed.experiment.record import Record
from testbed.faults.operations import Rule
from testbed.injection.inlet.rules import encode
from testbed.runtime.http import ask
from testbed.spec.topology import Topology

pytestmark = pytest.mark.e2e
LOAD = constant_rate(get("/"), rps=30)
EDGE = "front -> back"


@pytest.fixture(scope="module")
def small():
    """A mesh with a record of its own: loads that end with an error are judged by nobody."""
    services = {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go"}}
    topology = Topology.model_validate({"name": "pair", "entry": "front", "services": services})
    with launch(topology, record=Record()) as bed:
        yield bed


def inlet_of(bed):
    return next(link.inlet for link in bed.plan.links if link.edge == EDGE)


def set_rules(bed, *rules):
    control = bed.parts.runtime.reach(bed.plan.inlet_control)
    assert ask(control, "/rules", "", method="POST", body=encode(rules))[0] == 200


def set_toxic(bed):
    link = next(link.name for link in bed.plan.links if link.edge == EDGE)
    url = f"http://{bed.parts.runtime.reach(bed.plan.links_api)}/proxies/{link}/toxics"
    toxic = {"name": "mine", "type": "latency", "attributes": {"latency": 1}}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(toxic).encode(), method="POST")) as answer:
        assert answer.status == 200
    return f"{url}/mine"


def refused(load, words):
    """The next look finds it; the load ends without a history."""
    with pytest.raises(TestbedError, match=words):
        load.run(for_s=0.2, phase="after")
    load.stop()


def test_a_rule_of_somebody_else_is_an_error(small):
    with small.load(LOAD) as load:
        load.run(for_s=0.2, phase="before")
        set_rules(small, Rule("f999", (inlet_of(small),), abort=503))
        refused(load, "the inlet has a rule that this run did not set")
    set_rules(small)


def test_a_rule_that_came_and_went_between_two_looks_is_an_error_too(small):
    def met() -> None:
        with small.load(LOAD) as load, small.client() as client:
            load.run(for_s=0.2, phase="before")
            set_rules(small, Rule("f999", (inlet_of(small),), abort=503))
            client.get("/")
            set_rules(small)
            load.run(for_s=0.2, phase="after")

    with pytest.raises(TestbedError, match=r"arrivals carry the id of a fault .* \(f999\)"):
        met()


def test_a_toxic_of_somebody_else_is_an_error(small):
    with small.load(LOAD) as load:
        load.run(for_s=0.2, phase="before")
        url = set_toxic(small)
        refused(load, "has a toxic mine that this run did not set")
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()


def test_a_fault_of_ours_that_somebody_took_away_is_an_error(small):
    with small.load(LOAD) as load, small.inject(abort(503).on(EDGE)):
        load.run(for_s=0.2, phase="before")
        set_rules(small)
        refused(load, "the inlet has lost the rule of f")
