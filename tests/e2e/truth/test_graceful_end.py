"""SIGTERM while new requests come, as an orchestrator sends it: to the first process of a service alone."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed import NotContained, Topology, constant_rate, get, graceful_restart, start, statuses

HERE = Path(__file__).parent / "graceful_end"
APP = str(HERE / "app.mjs")
LOAD = constant_rate(get("/"), rps=15, timeout_s=8)
REFUSALS = {"attempts": 2, "retryOn": ["connect-failure"]}


@contextmanager
def shop(*command, workdir=str(HERE)):
    services = {
        "front": {"language": "go", "calls": ["api"]},
        "api": {"command": list(command), "workdir": workdir, "replicas": 2, "ready": {"within": "60s"}},
    }
    data = {"name": "asked-to-end", "entry": "front", "services": services}
    data["policies"] = [{"edge": "front -> api", "retries": REFUSALS}]
    with start(Topology.model_validate(data)) as bed:
        yield bed


def restarted(bed, **times):
    fault = graceful_restart(**times).on(replica="api-1").after(s=0.2)
    return bed.experiment(fault, load=LOAD, warmup_s=0.3, baseline_s=0.5, hold_s=2, recover_s=0.5)


def test_fixed_an_app_that_refuses_while_it_finishes_is_retried_by_connect_failure():
    with shop("node", APP) as bed:
        run = restarted(bed, within_s=15)
        run.check(all=[statuses(200)])
    told = [event for event in run.history.index.processes if event.process == "api-1/app"]
    asked, ended = told[:2]
    assert asked.event.startswith("sent SIGTERM")
    assert ended.event == "ended"
    before = [r for r in run.history.index.attempts.all if r.callee == "api-1" and r.start < asked.at]
    assert max(one.start + one.duration_ms / 1000 for one in before) > asked.at  # it came while requests were under way


def test_fixed_a_hook_that_sleeps_before_the_stop_keeps_every_request_from_it():
    """New connections are refused after 50 ms, and SIGTERM comes when nothing is under way any more."""
    with shop("node", APP) as bed:
        run = restarted(bed, within_s=15, drain_delay_ms=50, pre_stop_ms=900)
        run.check(all=[statuses(200)])


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["sh", "-c", "node app.mjs; true"], "it has no handler for SIGTERM"),  # so it is killed after the time
        (["npm", "start"], "(npm start) ended first"),  # npm asks the shell to end, which does not ask node
    ],
)
def test_planted_a_wrapper_that_does_not_hand_sigterm_on_is_named(command, told):
    with shop(*command) as bed:
        run = restarted(bed, within_s=0.3, drain_delay_ms=10_000)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    assert any(told in one and "api-1/app" in one for one in run.warnings)
