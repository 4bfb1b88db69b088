"""Swaps of policies: who is restarted with what, what is verified, and what happens when something goes wrong."""

from contextlib import contextmanager

import pytest

from testbed import TestbedError
from testbed.errors import TopologyError
from testbed.experiment import policy_override as swap
from testbed.experiment.arm import Arm
from testbed.experiment.planning import plan_for
from testbed.experiment.policy_override import ActiveOverrides
from testbed.mesh.envoy.config import EnvoyMesh
from testbed.plan.values import AddressSpace
from testbed.runtime import Death, NotReady
from testbed.spec.topology import Topology

EDGE = "a -> b"
SHOP = Topology(
    name="t",
    entry="a",
    services={
        "a": {"language": "go", "replicas": 2, "calls": ["b", "c"]},
        "b": {"language": "go", "calls": ["c"]},
        "c": {"language": "go"},
    },
    policies=[{"edge": EDGE, "timeout": "1s"}],
)


class Machine:
    """A runtime that remembers what it was told, and refuses a configuration that holds a word."""

    def __init__(self, refuse="nothing"):
        self.refuse, self.files, self.restarts, self.ends = refuse, {}, [], []

    def reach(self, address):
        return f"published:{address}"

    def write(self, files):
        self.files |= {file.path: file.text for file in files}

    def restart_all(self, names):
        self.restarts.append(tuple(names))
        for name in names:
            if self.refuse in self.files[f"{name.removesuffix('/proxy')}/envoy.json"]:
                self.ends.append(Death(name, 1.0, "exit code 1"))
                raise NotReady(f"{name} ended before it was ready", name)

    def deaths(self):
        return self.ends


@pytest.fixture
def told(monkeypatch):
    """What the proxies say that they run: what they were given, unless a test says otherwise."""
    answers = {"difference": "", "asked": []}

    def drift(mesh, admin, expected):
        answers["asked"].append(admin)
        return answers["difference"]

    monkeypatch.setattr(EnvoyMesh, "drift", drift)
    monkeypatch.setattr(swap, "explain", lambda error, plan: TopologyError(f"explained: {error}"))
    return answers


def made(machine, arm=Arm.AS_WRITTEN):
    stills = []

    @contextmanager
    def still(names):
        stills.append(names)
        yield

    return ActiveOverrides(plan_for(SHOP, AddressSpace("127.9")), machine, still, arm), stills


def timeout(swaps):
    policy = swaps.plan.topology.policy(EDGE)
    return policy.timeout if policy else None


def test_only_the_proxies_with_another_configuration_are_restarted(told):
    machine = Machine()
    swaps, stills = made(machine)
    with swaps.begin({EDGE: {"timeout": "2s"}}):
        assert machine.restarts == stills == [("a-1/proxy", "a-2/proxy")]
        assert '"timeout": "2s"' in machine.files["a-1/envoy.json"]
        assert timeout(swaps) == 2000.0
        assert told["asked"] == ["published:127.9.1.1:9990", "published:127.9.1.2:9990"]
    assert len(machine.restarts) == 2
    assert '"timeout": "1s"' in machine.files["a-2/envoy.json"]
    assert [event.text for event in swaps.events] == [EDGE, "restored"]


def test_overrides_without_a_change_restart_no_proxy(told):
    machine = Machine()
    swaps, _ = made(machine)
    with swaps.begin({EDGE: {"timeout": "1000ms"}}):
        assert machine.restarts == [()]


def test_processes_and_links_stay_what_they_were(told):
    swaps, _ = made(Machine())
    before = swaps.plan
    swaps.begin({EDGE: None})
    assert (swaps.plan.processes, swaps.plan.links) == (before.processes, before.links)
    swaps.end_all()
    assert swaps.plan == before


def test_a_refused_configuration_is_explained_and_the_old_one_restored(told):
    machine = Machine(refuse='"2s"')
    swaps, _ = made(machine)
    with pytest.raises(TopologyError, match="explained: a-1/proxy ended before it was ready"):
        swaps.begin({EDGE: {"timeout": "2s"}})
    assert '"timeout": "1s"' in machine.files["a-1/envoy.json"]
    assert machine.restarts[-1] == ("a-1/proxy", "a-2/proxy")
    assert timeout(swaps) == 1000.0
    assert swaps.events == []
    assert swaps.refused == machine.ends
    swaps.end_all()
    assert len(machine.restarts) == 2


def test_a_proxy_that_runs_something_else_is_an_error(told):
    told["difference"] = "clusters[0].lb_policy is 'RANDOM', not 'ROUND_ROBIN'"
    swaps, _ = made(Machine())
    with pytest.raises(TestbedError, match="a-1/proxy runs other policies than requested: clusters"):
        swaps.begin({EDGE: {"timeout": "2s"}})


def test_contradictory_overrides_touch_nothing(told):
    machine = Machine()
    swaps, _ = made(machine)
    both = {"retryBudget": {}, "circuitBreaker": {"maxRetries": 1}}
    with pytest.raises(TopologyError, match="contradicts"):
        swaps.begin({EDGE: both})
    assert machine.restarts == []


def test_a_second_swap_can_contradict_the_first(told):
    swaps, _ = made(Machine())
    swaps.begin({EDGE: {"retryBudget": {}}})
    with pytest.raises(TopologyError, match="contradicts"):
        swaps.begin({EDGE: {"circuitBreaker": {"maxRetries": 1}}})
    swaps.end_all()


def test_a_calibration_without_policies_gets_none(told):
    machine = Machine()
    swaps, _ = made(machine, Arm.WITHOUT_POLICIES)
    with swaps.begin({EDGE: {"timeout": "2s"}}):
        assert machine.restarts == []
