"""The wall clock is set while a load is on: the run goes on as planned, says it, and gives no verdict."""

import time

import pytest

from testbed import Inconclusive, clock, constant_rate, get, statuses
from testbed.experiment.launch import launch
from testbed.experiment.record import Record
from testbed.spec.topology import Topology

pytestmark = pytest.mark.e2e
RPS, HOLD_S = 50, 1.0


@pytest.fixture(scope="module")
def small():
    """A mesh with a record of its own, so that its inconclusive runs are judged by nobody."""
    topology = Topology.model_validate({"name": "one", "entry": "front", "services": {"front": {"language": "go"}}})
    with launch(topology, record=Record()) as bed:
        yield bed


@pytest.mark.parametrize(("jump_s", "way"), [(-15.0, "back by 15,000 ms"), (3600.0, "forward by 3,600,000 ms")])
def test_a_jump_is_named_and_the_schedule_is_kept(small, jump_s, way, monkeypatch):
    with small.load(constant_rate(get("/"), rps=RPS)) as load:
        load.run(for_s=0.3, phase="before")
        monkeypatch.setattr(clock, "wall", lambda: time.time() + jump_s)
        load.run(for_s=HOLD_S, phase="after")
    run = load.result()
    due = [one for one in run.history.index.requests if one.phase == "after"]
    assert len(due) == pytest.approx(RPS * HOLD_S, abs=2)
    assert all(one.status == 200 for one in due)
    with pytest.raises(Inconclusive, match=f"the machine's clock was set {way} during the run"):
        run.check(all=[statuses(200)])


def test_a_machine_whose_clock_was_set_before_the_load_is_judged(small, monkeypatch):
    monkeypatch.setattr(clock, "wall", lambda: time.time() + 0.2)  # the logs keep the real one, nearly the same
    with small.load(constant_rate(get("/"), rps=RPS)) as load:
        load.run(for_s=0.3, phase="hold")
    load.result().check(all=[statuses(200)])


@pytest.mark.parametrize("set_s", [-15.0, 3600.0])
def test_the_driver_sends_on_the_clock_of_the_run_whatever_its_wall_clock_says(small, set_s, monkeypatch):
    monkeypatch.setattr(clock, "wall", lambda: time.time() + set_s)  # the wall clock of the driver differs by this
    begun = time.monotonic()
    with small.load(constant_rate(get("/"), rps=RPS)) as load:
        load.run(for_s=HOLD_S, phase="hold")
    requests = [one for one in load.result().history.index.requests if one.phase == "hold"]
    assert len(requests) == pytest.approx(RPS * HOLD_S, abs=2)
    spread = max(one.sent for one in requests) - min(one.sent for one in requests)
    assert spread > HOLD_S / 2  # not all at once
    assert abs(requests[0].sent - clock.at(begun)) < 60
