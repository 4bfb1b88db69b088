"""What every mesh must do, whichever it is: a new one is done when this passes. Names come from the registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed import connection_refused, constant_rate, get, start, statuses
from testbed.errors import TopologyError
from testbed.evidence.source import Log
from testbed.experiment.planning import plan_for
from testbed.experiment.run import Run
from testbed.experiment.sources import logs
from testbed.experiment.testbed import Testbed
from testbed.history.events import Evidence
from testbed.history.outcomes import CONNECT_FAILED
from testbed.mesh import Mesh, mesh_named
from testbed.plan.make import Plan
from testbed.plan.values import AddressSpace
from testbed.spec.meshes import MESHES, capabilities
from testbed.spec.topology import Topology
from tests.kit.judging import verdict

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
LOAD = constant_rate(get("/"), rps=20, timeout_s=30)
SHOP = {
    "name": "contract",
    "entry": "front",
    "services": {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go"}},
}
OVERRIDE = {EDGE: {"timeout": "7s"}}


def topology(name: str) -> Topology:
    policies = [{"edge": EDGE, "timeout": "20s"}] if capabilities(name).enforces_policies else []
    return Topology.model_validate({**SHOP, "mesh": name, "policies": policies})


@pytest.fixture(scope="module", params=list(MESHES))
def shop(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    with start(topology(request.param)) as running:
        yield running


@pytest.fixture
def mesh(shop: Testbed) -> Mesh:
    return mesh_named(shop.topology.mesh)


def configurations(plan: Plan) -> dict[str, str]:
    """What each proxy of the mesh is given, by the address at which it can be asked."""
    proxies = [process for process in plan.processes if process.role == "proxy"]
    texts = {f"{{dir}}/{file.path}": file.text for file in plan.files}
    return {proxy.listens[0]: texts[word] for proxy in proxies for word in proxy.argv if word in texts}


def drifts(shop: Testbed, mesh: Mesh, plan: Plan) -> list[str]:
    """Where each running proxy differs from what a plan says."""
    return [mesh.drift(shop.parts.runtime.reach(admin), text) for admin, text in configurations(plan).items()]


def load(shop: Testbed) -> Run:
    with shop.load(LOAD) as traffic:
        traffic.run(for_s=0.3, phase="hold")
    run = traffic.result()
    run.check(all=[statuses(200)])
    return run


def gaps(run: Run) -> list[str]:
    return [event.missing for event in run.history.events if isinstance(event, Evidence) and not event.complete]


def proxy_log(shop: Testbed) -> Log:
    (log,) = (log for log in logs(shop.plan, shop.parts.runtime.reach) if log.tells("attempts"))
    return log


@pytest.mark.parametrize("name", MESHES)
def test_what_it_plans_is_what_it_can_do_and_is_accepted(name: str) -> None:
    plan, mesh = plan_for(topology(name), AddressSpace("127.9")), mesh_named(name)
    found = configurations(plan)
    assert bool(found) == capabilities(name).is_proxy == (mesh.monitor is not None)
    assert [mesh.explain_rejection(text) for text in found.values()] == [""] * len(found)
    assert all(mesh.explain_rejection(f"nonsense {text}") for text in found.values())


def test_a_request_is_read_as_one_call_and_its_attempt(shop: Testbed, mesh: Mesh) -> None:
    index = load(shop).history.index
    assert {request.status for request in index.requests} == {200}
    wanted = [request.id for request in index.requests]
    recorded = {"attempts": index.attempts, "calls": index.calls}
    for source in mesh.capabilities.sources:
        events = recorded[source].on(EDGE)
        assert sorted(event.request for event in events) == sorted(wanted)
        assert {(event.status, event.outcome, event.caller) for event in events} == {(200, "", "front-1")}
    assert {attempt.callee for attempt in index.attempts.on(EDGE)} <= {"back-1"}
    assert {call.attempts for call in index.calls.on(EDGE)} <= {1}
    assert {call.call for call in index.calls.on(EDGE)} == {attempt.call for attempt in index.attempts.on(EDGE)}


def test_the_record_is_complete_and_a_proxys_counters_vouch_for_it(shop: Testbed, mesh: Mesh) -> None:
    run = load(shop)
    assert gaps(run) == []
    told = {event.source for event in run.history.events if isinstance(event, Evidence)}
    assert set(mesh.capabilities.sources) <= told
    log = proxy_log(shop)
    assert bool(log.admin) == mesh.capabilities.is_proxy
    if log.admin:
        assert {sample.edge for sample in run.history.index.samples if sample.source == log.process} == {EDGE}
        before = log.counts(log.admin)
        sent = len(load(shop).history.index.requests)
        assert log.counts(log.admin).total == before.total + sent


def test_what_got_no_answer_has_an_outcome(shop: Testbed, mesh: Mesh) -> None:
    with shop.load(LOAD) as traffic, shop.inject(connection_refused().on(EDGE)):
        traffic.run(for_s=0.3, phase="hold")
    assert verdict(traffic.result(), statuses(200)).outcome == "violated"
    index = traffic.result().history.index
    held = {request.id for request in index.by_phase["hold"]}
    failed = [attempt for attempt in index.attempts.on(EDGE) if attempt.request in held]
    assert bool(failed) == mesh.capabilities.records_attempts
    assert {(attempt.status, attempt.outcome) for attempt in failed} <= {(0, CONNECT_FAILED)}


def test_what_runs_is_what_was_written_until_a_policy_is_another(shop: Testbed, mesh: Mesh) -> None:
    before = shop.plan
    assert not any(drifts(shop, mesh, before))
    if not mesh.capabilities.enforces_policies:
        with pytest.raises(TopologyError, match=f"mesh {mesh.name} has no proxy"):
            shop.override_policies(OVERRIDE)
        return
    with shop.override_policies(OVERRIDE):
        assert not any(drifts(shop, mesh, shop.plan))
        assert all(drifts(shop, mesh, before))
    assert not any(drifts(shop, mesh, before))


def test_an_override_costs_no_evidence(shop: Testbed, mesh: Mesh) -> None:
    if not mesh.capabilities.enforces_policies:
        assert not shop.topology.policies
        return
    with shop.load(LOAD) as traffic:
        traffic.run(for_s=0.2, phase="before")
        with shop.override_policies(OVERRIDE):
            traffic.run(for_s=0.2, phase="after")
    run = traffic.result()
    run.check(all=[statuses(200).during("after")])
    assert gaps(run) == []
    assert len(run.history.index.attempts.on(EDGE)) == len(run.history.index.requests)
