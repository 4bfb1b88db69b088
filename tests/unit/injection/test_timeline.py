"""Faults that act over time, on planes that only write down what they are told."""

import threading
import time
from itertools import pairwise

import pytest

from testbed.errors import FaultError, TestbedError
from testbed.faults import (
    connection_refused,
    crash_loop,
    delay,
    flapping,
    kill,
    latency,
    outage,
    pause,
    restart,
    rolling,
    slow_start,
)
from testbed.injection.ledger import FOREVER
from tests.kit.fault_plane import Plane, inject, injector

EDGE = "checkout -> pricing"
PAUSE = pause().on(replica="auth-1")


def wait_for(met, within_s=60):
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, "not met in time"
        time.sleep(0.001)


def timelines():
    return [thread for thread in threading.enumerate() if thread.name == "testbed-fault-timeline"]


def test_the_first_turn_is_in_force_when_inject_returns():
    plane = Plane()
    with inject(injector(plane), flapping(PAUSE, up_s=60, down_s=60)):
        assert plane.done == [("pause", "auth-1/app")]
    assert plane.done == [("pause", "auth-1/app"), ("resume", "auth-1/app")]
    assert not timelines()


def test_every_real_window_is_on_record_under_one_id():
    plane = Plane()
    faults = injector(plane)
    fault = flapping(PAUSE, up_s=0.03, down_s=0.05)
    with inject(faults, fault):
        wait_for(lambda: len(plane.done) >= 5)  # the third pause
    assert plane.done == [("pause", "auth-1/app"), ("resume", "auth-1/app")] * (len(plane.done) // 2)
    windows = faults.events
    assert {(w.id, w.text) for w in windows} == {("f1", str(fault))}
    assert all(w.end - w.start >= 0.045 for w in windows[:-1])
    assert all(after.start - before.end >= 0.025 for before, after in pairwise(windows))
    assert all(w.end < FOREVER for w in windows)


def test_healing_is_prompt_between_two_turns_and_within_one():
    plane = Plane()
    faults = injector(plane)
    for fault in (flapping(PAUSE, up_s=600, down_s=0.01), flapping(PAUSE, up_s=0.01, down_s=600)):
        injection = inject(faults, fault)
        time.sleep(0.05)
        injection.heal()
        assert plane.done[-1] == ("resume", "auth-1/app")
    assert not timelines()


def test_an_exception_in_the_block_ends_it():
    plane = Plane()
    with pytest.raises(ZeroDivisionError), inject(injector(plane), flapping(PAUSE, up_s=60, down_s=60)):
        raise ZeroDivisionError
    assert plane.done[-1] == ("resume", "auth-1/app")
    assert not timelines()


def test_one_replica_after_the_other_and_never_two_at_once():
    plane = Plane()
    faults = injector(plane)
    with inject(faults, rolling(outage("pricing", kind="killed"), every_s=0.05)):
        wait_for(lambda: not timelines())
        killed = [what for what in plane.done if what[0] in ("kill", "restart")]
        assert killed == [(do, f"pricing-{n}/app") for n in (1, 2) for do in ("kill", "restart")]
    first, second = faults.events
    assert {link.partition("--")[2] for link in first.links} == {"pricing-1"}
    assert {link.partition("--")[2] for link in second.links} == {"pricing-2"}
    assert first.end <= second.start
    assert second.end - second.start < 5  # it ended by itself, not when it was healed


def test_a_slow_start_ends_by_itself():
    plane = Plane()
    faults = injector(plane)
    with inject(faults, slow_start(takes_s=0.05).on(replica="auth-1")):
        assert [what for what, *_ in plane.done] == ["apply", "apply", "restart"]
        wait_for(lambda: not timelines())
        assert [what for what, *_ in plane.done[3:]] == ["undo", "undo"]
    (window,) = faults.events
    assert window.end - window.start >= 0.045


def test_a_crash_loop_kills_and_starts_until_it_is_healed():
    plane = Plane()
    with inject(injector(plane), crash_loop(up_s=0.01, down_s=0.01).on(replica="auth-1")):
        wait_for(lambda: plane.done.count(("kill", "auth-1/app")) >= 3)
    lives = [what for what, *_ in plane.done if what in ("kill", "restart")]
    assert lives == ["kill", "restart"] * (len(lives) // 2)
    assert [what for what, *_ in plane.done[-2:]] == ["undo", "undo"]


def test_a_rolling_restart_is_momentary_for_each():
    plane = Plane()
    faults = injector(plane)
    with inject(faults, rolling(restart().on(service="pricing"), every_s=0.03)):
        wait_for(lambda: len(faults.events) == 2)
        wait_for(lambda: not timelines())
    assert [what for what in plane.done if what[0] == "kill"] == [("kill", f"pricing-{n}/app") for n in (1, 2)]


def test_the_rules_of_a_fault_that_comes_and_goes_leave_those_of_others_alone():
    plane = Plane()
    faults = injector(plane)
    with (
        inject(faults, delay(ms=5).on("checkout -> auth")),
        inject(faults, flapping(delay(ms=9).on(EDGE), up_s=60, down_s=60)),
    ):
        assert plane.done[-1] == ("rules", "f1", "f2")
    assert plane.done[-2:] == [("rules", "f1"), ("rules",)]


def test_a_fault_that_waits_is_not_in_force_and_says_so():
    plane = Plane()
    faults = injector(plane)
    with inject(faults, PAUSE.after(s=60)):
        assert plane.done == []
    (never,) = faults.events
    assert (never.links, never.text) == ((), str(PAUSE.after(s=60)))
    assert plane.done == []


def test_a_fault_that_waited_has_one_window():
    plane = Plane()
    faults = injector(plane)
    begun = time.time()
    with inject(faults, latency(ms=5).on("checkout -> auth"), PAUSE.after(s=0.05)):
        wait_for(lambda: ("pause", "auth-1/app") in plane.done)
    window = faults.events[-1]
    assert len(faults.events) == 2
    assert window.start - begun >= 0.045
    assert len(window.links) == 2


def test_a_failure_in_the_first_turn_is_raised_by_inject():
    plane = Plane(fails=("pause",))
    with pytest.raises(TestbedError, match="cannot pause"):
        inject(injector(plane), flapping(PAUSE, up_s=60, down_s=60))
    assert not timelines()


@pytest.mark.parametrize(("fails", "words"), [("resume", "cannot resume"), ("pause", "cannot pause")])
def test_a_failure_in_a_later_turn_is_raised_when_it_is_healed(fails, words):
    plane = Plane()
    injection = inject(injector(plane), flapping(PAUSE, up_s=0.01, down_s=0.05))
    plane.fails = (fails,)
    wait_for(lambda: not timelines())
    plane.fails = ()
    with pytest.raises(TestbedError, match=f"flapping.* failed while it was in force: .*{words}"):
        injection.heal()


def test_a_failure_in_a_later_turn_is_raised_once_at_the_end_of_the_phase():
    plane = Plane()
    faults = injector(plane)
    with inject(faults, flapping(PAUSE, up_s=0.01, down_s=0.05)):
        faults.check_timelines()
        plane.fails = ("pause",)
        wait_for(lambda: not timelines())
        plane.fails = ()
        with pytest.raises(TestbedError, match="flapping.* failed while it was in force: .*cannot pause"):
            faults.check_timelines()
        faults.check_timelines()


def test_a_failure_reaches_the_test_without_a_heal():
    plane = Plane()
    faults = injector(plane)
    inject(faults, flapping(PAUSE, up_s=0.01, down_s=0.01))
    plane.fails = ("pause",)
    wait_for(lambda: not timelines())
    with pytest.raises(TestbedError, match="cannot pause"):
        faults.heal_all()


def test_a_dry_timeline_runs_without_breaking_anything():
    plane = Plane()
    faults = injector(plane, dry=True)
    with inject(faults, crash_loop(up_s=0.01, down_s=0.01).on(replica="auth-1")):
        wait_for(lambda: len(faults.events) >= 2)
    assert plane.done == []
    assert not any(event.injected for event in faults.events)


@pytest.mark.parametrize(
    "second",
    [
        rolling(outage("pricing"), every_s=9),
        flapping(connection_refused().on(replica="pricing-2"), up_s=9, down_s=9),
        connection_refused().on(EDGE).after(s=9),
    ],
)
def test_what_will_collide_later_is_refused_at_once(second):
    plane = Plane()
    faults = injector(plane)
    with inject(faults, connection_refused().on(EDGE)):
        before = list(plane.done)
        with pytest.raises(FaultError, match="contradict each other: both close the link"):
            inject(faults, second)
        assert plane.done == before


@pytest.mark.parametrize(
    "passing",
    [
        rolling(outage("pricing"), every_s=9),
        flapping(connection_refused().on(EDGE), up_s=9, down_s=9),
        kill().on(service="pricing").after(s=9),
        slow_start(takes_s=9).on(service="pricing"),
    ],
)
def test_what_is_hidden_for_some_of_the_time_only_is_an_ordinary_combination(passing):
    with inject(injector(Plane()), latency(ms=5).on(EDGE), passing):
        pass


def test_what_would_never_be_seen_is_refused():
    with pytest.raises(FaultError, match="so no other fault has an effect on it"):
        inject(injector(Plane()), connection_refused().on(EDGE), flapping(latency(ms=5).on(EDGE), up_s=9, down_s=9))
