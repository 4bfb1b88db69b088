"""Policies are swapped on the running mesh: services go on, no request is lost, all is as before at the end."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from testbed import TestbedError, abort, attempts, constant_rate, get, start, statuses
from testbed.errors import TopologyError
from testbed.history.events import Evidence, PolicyEvent
from testbed.spec.topology import Topology

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
RETRY = {EDGE: {"retries": {"attempts": 2, "retryOn": ["5xx"], "backoff": "5ms"}}}
LOAD = constant_rate(get("/"), rps=50, timeout_s=30)


def pids(mesh):
    return {p.name: mesh.parts.runtime.pid(p.name) for p in mesh.plan.processes}


def assert_tried(mesh, times):
    """Every call whose attempts all fail is tried so often."""
    with mesh.load(LOAD) as traffic, mesh.inject(abort(503).on(EDGE)):
        traffic.run(for_s=0.2, phase="failing")
    traffic.result().check(all=[attempts(EDGE, exactly=times).during("failing")])


def test_only_the_proxies_that_hold_the_edge_are_restarted_and_the_policy_works(patient):
    before = pids(patient)
    with patient.override_policies(RETRY):
        during = pids(patient)
        assert_tried(patient, 3)
    assert {name for name in before if before[name] != during[name]} == {"front-1/proxy"}
    assert_tried(patient, 1)


def test_a_swap_is_quick(patient):
    """At least one of many, for this machine is shared."""
    assert any(swap_s(patient) < 1.5 for _ in range(20))


def swap_s(mesh):
    begun = time.perf_counter()
    with mesh.override_policies(RETRY):
        return time.perf_counter() - begun


def test_in_the_middle_of_a_load_nothing_is_lost_and_each_phase_names_its_policy(patient, tmp_path):
    with patient.load(LOAD) as traffic, patient.inject(abort(503).on(EDGE).for_attempts(1)):
        traffic.run(for_s=0.3, phase="bare")
        with patient.override_policies(RETRY):
            traffic.run(for_s=0.3, phase="retrying")
        traffic.run(for_s=0.3, phase="bare again")
    run = traffic.result()
    events = run.history.events
    assert all(event.complete for event in events if isinstance(event, Evidence)), [
        event.missing for event in events if isinstance(event, Evidence)
    ]
    swaps = [event for event in events if isinstance(event, PolicyEvent)]
    assert [swap.text for swap in swaps] == [EDGE, "restored"]
    report = run.check(
        all=[
            statuses(200).during("retrying"),
            statuses(502).during("bare"),
            statuses(502).during("bare again"),
            attempts(EDGE, exactly=2).during("retrying"),
            attempts(EDGE, exactly=1).during("bare"),
            attempts(EDGE, exactly=1).during("bare again"),
        ]
    )
    texts = {verdict.phase: verdict.policy for verdict in report.verdicts if verdict.check.startswith("attempts")}
    assert texts["bare"] == texts["bare again"] == "{timeout: 20s}"
    assert texts["retrying"].startswith("{timeout: 20s, retries: {attempts: 2, retryOn: [5xx], ")


def test_services_in_other_languages_notice_no_swap():
    """Their pooled connections to the proxy end with it; the next request makes a new one."""
    services = {
        "front": {"language": "node", "calls": ["middle"]},
        "middle": {"language": "python", "calls": ["back"]},
        "back": {"language": "go"},
    }
    other = {"front -> middle": {"timeout": "50s"}, "middle -> back": {"timeout": "50s"}}
    data = {"name": "row", "entry": "front", "services": services}
    with start(Topology.model_validate(data)) as row, row.load(LOAD) as traffic:
        traffic.run(for_s=0.3, phase="before")
        with row.override_policies(other):
            traffic.run(for_s=0.3, phase="other")
        traffic.run(for_s=0.3, phase="after")
    traffic.result().check(all=[statuses(200).during(name) for name in ("before", "other", "after")])


def test_swaps_are_nested_and_end_in_any_order(patient):
    outer = patient.override_policies({EDGE: {"timeout": "1s"}})
    inner = patient.override_policies({EDGE: {"retries": {"attempts": 1}}})
    policy = patient.topology.policy(EDGE)
    assert (policy.timeout, policy.retries.attempts) == (1000.0, 1)
    outer.restore()
    policy = patient.topology.policy(EDGE)
    assert (policy.timeout, policy.retries.attempts) == (20_000.0, 1)
    inner.restore()
    inner.restore()
    assert patient.topology.policy(EDGE).retries is None


def test_a_policy_can_be_removed(patient):
    with patient.override_policies({EDGE: None}):
        assert patient.topology.policy(EDGE) is None
    assert patient.topology.policy(EDGE).timeout == 20_000.0


def test_what_a_test_left_in_force_is_gone_after_cleaning(patient):
    patient.override_policies(RETRY)
    patient.clean()
    assert patient.topology.policy(EDGE).retries is None
    assert_tried(patient, 1)


def test_a_test_that_fails_inside_the_block_leaves_the_old_policies(patient):
    with pytest.raises(ZeroDivisionError), patient.override_policies(RETRY):
        raise ZeroDivisionError
    assert patient.topology.policy(EDGE).retries is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({}, r"policies\(\{\}\) changes nothing"),
        ({"front -> bak": {"timeout": "1s"}}, "no edge 'front -> bak'.*did you mean 'front -> back'"),
        ({EDGE: {"timeuot": "1s"}}, r'override of policies\["front -> back"\].timeuot: unknown key .*timeout'),
        ({"front->back": {"timeout": "1s"}, EDGE: None}, "given twice"),
        ({"front -> old": None}, "there is no policy to remove"),
        (
            {EDGE: {"retries": {"attempts": 1}, "retryBudget": {}, "circuitBreaker": {"maxRetries": 1}}},
            "retryBudget: contradicts circuitBreaker.maxRetries",
        ),
    ],
)
def test_a_mistake_is_one_message_and_changes_nothing(patient, overrides, words):
    before = pids(patient)
    with pytest.raises(TestbedError, match=words):
        patient.override_policies(overrides)
    assert pids(patient) == before


def test_a_value_that_the_proxy_refuses_is_named_and_the_old_policies_stay(patient):
    with pytest.raises(TopologyError) as caught:
        patient.override_policies({EDGE: {"retries": {"attempts": 5_000_000_000}}})
    text = str(caught.value)
    print(text)
    assert "small.yaml:9: policies[0].retries.attempts: front-1/proxy refuses it: " in text
    assert "retry_policy.num_retries" in text
    assert "integer out of range" in text
    with patient.client() as client:
        assert client.get("/").status_code == 200
    assert patient.topology.policy(EDGE).retries is None


def test_a_swap_under_load_that_the_proxy_refuses_disturbs_no_request(patient):
    with patient.load(LOAD) as traffic:
        traffic.run(for_s=0.3, phase="before")
        with pytest.raises(TopologyError, match="refuses it"):
            patient.override_policies({EDGE: {"outlierDetection": {"consecutive5xxErrors": 5_000_000_000}}})
        traffic.run(for_s=0.3, phase="after")
    run = traffic.result()
    run.check(all=[statuses(200)])
    assert all(event.complete for event in run.history.events if isinstance(event, Evidence))


def test_a_mesh_with_a_value_that_the_proxy_refuses_does_not_start_and_leaves_nothing(tmp_path, monkeypatch):
    text = Path("tests/e2e/small.yaml").read_text().replace("timeout: 600ms", "timeout: 99999999h")
    mesh, folders = tmp_path / "mesh.yaml", tmp_path / "folders"
    mesh.write_text(text)
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    before = _children()
    with pytest.raises(TopologyError) as caught, start(mesh):
        pass
    assert str(caught.value).startswith(f"{mesh}:10: policies[0].timeout: front-1/proxy refuses it: invalid JSON in ")
    assert str(caught.value).endswith("duration out of range")
    assert list(folders.iterdir()) == []
    assert _children() <= before


def _children():
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())
