"""Somebody else sets a fault while a load is on: the run is an error of the testbed, never a verdict."""

import json

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
    path = f"/proxies/{next(link.name for link in bed.plan.links if link.edge == EDGE)}/toxics"
    toxic = json.dumps({"name": "mine", "type": "latency", "attributes": {"latency": 1}})
    assert ask(api_of(bed), path, "", method="POST", body=toxic)[0] == 200
    return f"{path}/mine"


def api_of(bed):
    return bed.parts.runtime.reach(bed.plan.links_api)


def spoilt(bed, words, act):
    """A load that goes on after somebody did this to the mesh: it ends with an error, without a history."""

    def go_on() -> None:
        with bed.load(LOAD) as load:
            load.run(for_s=0.2, phase="before")
            act()
            load.run(for_s=0.2, phase="after")

    with pytest.raises(TestbedError, match=words):
        go_on()


def test_a_rule_of_somebody_else_is_an_error(small):
    spoilt(
        small,
        "the inlet has a rule that this run did not set",
        lambda: set_rules(small, Rule("f999", (inlet_of(small),), abort=503)),
    )
    set_rules(small)


def test_a_rule_that_came_and_went_between_two_looks_is_an_error_too(small):
    def come_and_go() -> None:
        set_rules(small, Rule("f999", (inlet_of(small),), abort=503))
        with small.client() as client:
            client.get("/")
        set_rules(small)

    spoilt(small, r"arrivals carry the id of a fault .* \(f999\)", come_and_go)


def test_a_toxic_of_somebody_else_is_an_error(small):
    made: list[str] = []
    spoilt(small, "has a toxic mine that this run did not set", lambda: made.append(set_toxic(small)))
    assert ask(api_of(small), made[0], "", method="DELETE")[0] == 204


def test_a_fault_of_ours_that_somebody_took_away_is_an_error(small):
    with small.inject(abort(503).on(EDGE)):
        spoilt(small, "the inlet has lost the rule of f", lambda: set_rules(small))
