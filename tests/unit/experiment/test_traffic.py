"""Traffic in phases: each phase ends when its own requests have ended, so the next change touches none of them."""

import time

import pytest

from testbed import TestbedError, clock, constant_rate, get
from testbed.experiment.traffic import DRAIN, STEADY, SWAP, WARM_UP, Traffic
from testbed.history.events import Request
from testbed.load.schedule import Schedule


class SlowAnswers:
    """A sender whose answers come `after_s` seconds after each request was due."""

    def __init__(self, after_s):
        self.after_s, self.sent = after_s, []

    def send(self, planned, phase="", start_at=None):
        self.sent += [(start_at + p.offset_s, p.id) for p in planned]

    def stop(self, until):
        self.sent = [(due, name) for due, name in self.sent if due < until]

    def results(self):
        return [self._result(due, name) for due, name in self.sent if due + self.after_s <= clock.now()]

    def _result(self, due, name):
        return Request(name, "u1", "", due, due, self.after_s * 1000, 200)


class ColdPools(SlowAnswers):
    """A sender whose first requests fail, because they meet broken connections."""

    broken = 4

    def _result(self, due, name):
        cold = name in {first for _, first in self.sent[: self.broken]}
        return Request(name, "u1", "", due, due, 1.0, 503 if cold else 200)


def traffic(sender, patience_s=60.0, **cold):
    schedule = Schedule(constant_rate(get("/"), rps=100), seed=1)
    return Traffic(schedule, sender, lambda traffic: None, lambda: None, patience_s, **cold)


@pytest.mark.parametrize("first", ["hold", WARM_UP])
def test_a_load_after_broken_connections_begins_with_a_warm_up_until_the_pools_are_warm(first):
    one = traffic(ColdPools(after_s=0), cold=True)
    one.run(for_s=0.05, phase=first)
    one.run(for_s=0.05, phase="next")
    one.stop()
    names = [phase.name for phase in one.phases if phase.name != DRAIN]
    assert names == list(dict.fromkeys([WARM_UP, first, "next"]))
    warm = [request for request in one.requests() if request.phase == WARM_UP]
    assert len(warm) >= ColdPools.broken + STEADY
    assert [request for request in one.requests() if not request.ok] == warm[: ColdPools.broken]


def test_without_broken_connections_nothing_is_added():
    one = traffic(ColdPools(after_s=0))
    one.run(for_s=0.05, phase="hold")
    one.stop()
    assert [phase.name for phase in one.phases] == ["hold", DRAIN]


def test_what_is_due_between_two_phases_is_part_of_the_drain():
    one = traffic(SlowAnswers(after_s=0))
    one.run(for_s=0.05, phase="one")
    time.sleep(0.1)
    one.run(for_s=0.05, phase="two")
    one.stop()
    assert {request.phase for request in one.requests()} <= {"one", DRAIN, "two"}
    assert one.phase_at(one.phases[0].start - 1) == ""


def test_a_phase_ends_when_its_last_request_has_ended():
    sender = SlowAnswers(after_s=0.3)
    one = traffic(sender)
    one.run(for_s=0.2, phase="hold")
    hold, drain = one.phases
    ended = {request.id for request in sender.results()}
    one.stop()
    assert (hold.name, drain.name) == ("hold", DRAIN)
    assert hold.end - hold.start == pytest.approx(0.2)
    assert drain.start == hold.end
    assert drain.end - drain.start >= 0.28
    assert {name for due, name in one.planned if due < hold.end} <= ended


def test_requests_after_the_end_are_not_sent_and_not_missing():
    sender = SlowAnswers(after_s=0)
    one = traffic(sender)
    one.run(for_s=0.2, phase="hold")
    one.stop()
    time.sleep(0.02)
    assert len(one.planned) > len(sender.sent) == len(one.requests())
    assert one.completeness(one.requests()).complete
    assert not one.completeness(one.requests()[1:]).complete


def test_a_phase_waits_no_longer_than_a_user_would():
    one = traffic(SlowAnswers(after_s=60), patience_s=0.1)
    begun = clock.now()
    one.run(for_s=0.1, phase="hold")
    one.stop()
    assert 0.2 <= clock.now() - begun < 30


def test_every_stretch_keeps_a_schedule_of_its_own():
    one = traffic(SlowAnswers(after_s=0.05))
    for phase in ("one", "two"):
        one.run(for_s=0.2, phase=phase)
    one.stop()
    requests = one.requests()
    paces = one.paces(requests)
    assert [pace.phase for pace in paces] == ["one", DRAIN, "two", DRAIN]
    assert [pace.planned for pace in paces if pace.phase != DRAIN] == [pytest.approx(20, abs=1)] * 2
    drained = sum(pace.sent for pace in paces if pace.phase == DRAIN)
    assert drained == sum(request.phase == DRAIN for request in requests)


@pytest.mark.parametrize("name", ["hold", DRAIN])
def test_a_name_is_used_once(name):
    one = traffic(SlowAnswers(after_s=0))
    one.run(for_s=0.05, phase="hold")
    with pytest.raises(TestbedError, match="phase with this name"):
        one.run(for_s=0.05, phase=name)
    one.stop()


def test_there_is_a_look_at_both_ends_of_every_phase():
    looks = []
    schedule = Schedule(constant_rate(get("/"), rps=100), seed=1)
    sender = SlowAnswers(after_s=0.01)
    one = Traffic(schedule, sender, lambda traffic: None, lambda: None, 5.0, boundary=lambda: looks.append(clock.now()))
    for phase in ("first", "second"):
        one.run(for_s=0.1, phase=phase)
    one.stop()
    first, second = (phase for phase in one.phases if phase.name != DRAIN)
    assert len(looks) == 4
    assert looks[0] <= first.start < first.end <= looks[1] <= looks[2] <= second.start < second.end <= looks[3]


def test_news_come_between_phases_and_the_time_that_they_take_is_in_the_drain():
    news = []

    def slow(before):
        news.append(before)
        time.sleep(0.1)

    schedule = Schedule(constant_rate(get("/"), rps=100), seed=1)
    one = Traffic(schedule, SlowAnswers(after_s=0.01), lambda traffic: None, lambda: None, 5.0, news=slow)
    one.run(for_s=0.1, phase="hold")
    one.stop()
    hold, drain = one.phases
    assert news == [hold.end, 0.0]
    assert drain.end - drain.start >= 0.1


def test_in_a_pause_nothing_is_due_and_nothing_is_under_way():
    sender = SlowAnswers(after_s=0.1)
    one = traffic(sender)
    one.run(for_s=0.2, phase="before")
    with one.pause():
        planned = len(sender.sent)
        assert len(sender.results()) == planned
        begun = clock.now()
        time.sleep(0.2)
        assert len(sender.sent) == planned
    one.run(for_s=0.2, phase="after")
    one.stop()
    assert not [due for due, _ in sender.sent if begun < due < begun + 0.2]
    assert [phase.name for phase in one.phases] == ["before", DRAIN, SWAP, "after", DRAIN]
    paces = one.paces(one.requests())
    assert [pace.planned for pace in paces if pace.phase == "after"] == [pytest.approx(19, abs=2)]


def test_a_pause_refuses_to_begin_while_a_request_does_not_end():
    one = traffic(SlowAnswers(after_s=60), patience_s=0.1)
    one.run(for_s=0.1, phase="before")
    with pytest.raises(TestbedError, match="requests do not end, so the policies cannot be changed"), one.pause():
        pytest.fail("must not get here")
    one.stop()


def test_no_phase_may_be_called_like_a_swap():
    one = traffic(SlowAnswers(after_s=0.1))
    with pytest.raises(TestbedError, match="there is already a phase with this name"):
        one.run(for_s=0.1, phase=SWAP)


@pytest.mark.parametrize("jump_s", [-15.0, 3600.0])
def test_a_wall_clock_that_jumps_neither_hangs_a_phase_nor_floods_the_mesh(jump_s, monkeypatch):
    one, honest = traffic(SlowAnswers(after_s=0)), time.time
    one.run(for_s=0.1, phase="before")
    monkeypatch.setattr(time, "time", lambda: honest() + jump_s)
    begun = time.monotonic()
    one.run(for_s=0.2, phase="after")
    took_s = time.monotonic() - begun
    one.stop()
    after = next(phase for phase in one.phases if phase.name == "after")
    assert after.end - after.start == pytest.approx(0.2)
    assert 0.2 <= took_s < 10
    due = [moment for moment, _ in one.planned]
    assert due == sorted(due)
    assert len([moment for moment in due if after.start <= moment < after.end]) == pytest.approx(20, abs=2)
