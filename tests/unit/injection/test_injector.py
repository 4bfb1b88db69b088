import time

import pytest

from testbed.errors import FaultError, TestbedError, Unsupported
from testbed.faults import (
    abort,
    connection_refused,
    cpu_limit,
    crash_loop,
    delay,
    flapping,
    kill,
    latency,
    memory_limit,
    outage,
    packet_loss,
    pause,
    restart,
    rolling,
    unreachable,
)
from testbed.injection.ledger import FOREVER
from tests.kit.fault_context import CONTEXT
from tests.kit.fault_plane import ONCE, Asked, Plane, inject, injector

EDGE = "checkout -> pricing"


def test_a_kill_closes_links_first_and_opens_them_last():
    plane = Plane()
    with inject(injector(plane), kill().on(replica="auth-1")):
        assert [what for what, *_ in plane.done] == ["apply", "apply", "kill"]
    assert [what for what, *_ in plane.done[3:]] == ["restart", "undo", "undo"]


def test_rules_of_several_faults_are_in_force_together_and_leave_one_by_one():
    plane = Plane()
    faults = injector(plane)
    first = inject(faults, delay(ms=5).on(EDGE))
    second = inject(faults, abort(503).on(EDGE))
    first.heal()
    second.heal()
    assert plane.done == [("rules", "f1"), ("rules", "f1", "f2"), ("rules", "f2"), ("rules",)]


def test_healing_twice_heals_once():
    plane = Plane()
    with inject(injector(plane), pause().on(replica="auth-1")) as injection:
        injection.heal()
    assert plane.done == [("pause", "auth-1/app"), ("resume", "auth-1/app")]


def test_an_exception_in_the_block_heals():
    plane = Plane()
    with pytest.raises(ZeroDivisionError), inject(injector(plane), pause().on(replica="auth-1")):
        raise ZeroDivisionError
    assert plane.done[-1] == ("resume", "auth-1/app")


def test_if_the_second_fault_cannot_be_injected_the_first_is_healed():
    plane = Plane(fails=("pause",))
    faults = [latency(ms=5).on(EDGE), pause().on(replica="auth-1")]
    with pytest.raises(TestbedError, match="cannot pause"):
        inject(injector(plane), *faults)
    applied = sorted(link for what, link in plane.done if what == "apply")
    assert applied == sorted(link for what, link in plane.done if what == "undo")


def test_a_failing_heal_is_raised_after_all_else_is_healed():
    plane = Plane(fails=("restart",))
    injection = inject(injector(plane), kill().on(replica="auth-1"))
    with pytest.raises(TestbedError, match="healing kill.*cannot restart"):
        injection.heal()
    assert [what for what, *_ in plane.done[-2:]] == ["undo", "undo"]


def test_a_contradiction_with_what_is_in_force_changes_nothing():
    plane = Plane()
    faults = injector(plane)
    inject(faults, connection_refused().on(EDGE))
    before = list(plane.done)
    with pytest.raises(FaultError, match="contradict"):
        inject(faults, latency(ms=5).on(EDGE))
    assert plane.done == before


def test_the_same_fault_twice_is_refused():
    with pytest.raises(TestbedError, match="the same fault twice"):
        inject(injector(Plane()), delay(ms=5).on(EDGE), delay(ms=5).on(EDGE))


def test_what_the_runtime_cannot_do_is_refused_with_the_alternative():
    plane = Plane(lacks=("memory",))
    with pytest.raises(FaultError, match=r"memory_limit\(mb=64\).* is not possible here: .*no brakes.* Use kill\(\)"):
        inject(injector(plane), pause().on(replica="auth-1"), memory_limit(mb=64).on(service="pricing"))
    assert plane.done == []


def test_what_the_runtime_cannot_do_is_refused_though_nothing_would_be_done():
    plane = Plane(lacks=("memory",))
    with pytest.raises(FaultError, match="is not possible here: this machine has no brakes"):
        injector(plane, dry=True).check([memory_limit(mb=64).on(service="pricing")], CONTEXT)


def test_links_are_closed_only_while_the_process_starts_with_its_limit_and_again_without():
    plane = Plane()
    with inject(injector(plane), memory_limit(mb=64).on(replica="auth-1")):
        assert [what for what, *_ in plane.done] == ["apply", "apply", "confine", "undo", "undo"]
    assert [what for what, *_ in plane.done[5:]] == ["apply", "apply", "restart", "undo", "undo"]


def test_a_share_of_a_processor_is_given_and_taken_back():
    plane = Plane()
    with inject(injector(plane), cpu_limit(share=0.2).on(replica="auth-1")):
        pass
    assert plane.done == [("throttle", "auth-1/app", 0.2), ("unthrottle", "auth-1/app")]


def test_an_interrupt_goes_on_though_healing_fails():
    plane = Plane(fails=("resume",))
    with pytest.raises(KeyboardInterrupt) as raised, inject(injector(plane), pause().on(replica="auth-1")):
        raise KeyboardInterrupt
    assert ["cannot resume" in note for note in raised.value.__notes__] == [True]


def test_all_faults_of_an_injection_are_healed_though_one_heal_fails():
    plane = Plane(fails=("resume",))
    injection = inject(injector(plane), cpu_limit(share=0.2).on(replica="auth-1"), pause().on(replica="pricing-1"))
    with pytest.raises(TestbedError, match="healing pause.*cannot resume"):
        injection.heal()
    assert plane.done[-1] == ("unthrottle", "auth-1/app")


def test_a_restart_is_over_when_inject_returns():
    plane = Plane()
    faults = injector(plane)
    inject(faults, restart().on(replica="auth-1"))
    assert [what for what, *_ in plane.done] == ["apply", "apply", "kill", "restart", "undo", "undo"]
    (event,) = faults.events
    assert event.start < event.end < FOREVER


def test_the_event_names_the_links_and_users_of_the_fault():
    faults = injector(Plane())
    injection = inject(faults, delay(ms=5).on(EDGE).for_users("u1"))
    (event,) = faults.events
    assert (event.plane, event.edges, event.users, event.cohort, event.end) == (
        "inlet",
        (EDGE,),
        ("u1",),
        None,
        FOREVER,
    )
    assert "checkout-1--pricing-2" in event.links
    injection.heal()
    assert event.start <= faults.events[0].end < FOREVER


def test_a_dry_injector_records_every_fault_and_breaks_nothing():
    plane = Plane()
    faults = injector(plane, dry=True)
    for fault in (kill().on(replica="auth-1"), latency(ms=5).on(EDGE), restart().on(replica="auth-1")):
        with inject(faults, fault):
            pass
    assert plane.done == []
    assert [(event.name, event.injected) for event in faults.events] == [
        ("kill", False),
        ("latency", False),
        ("restart", False),
    ]
    assert all(event.links and event.end < FOREVER for event in faults.events)
    assert faults.process_events == []


@pytest.mark.parametrize(
    "fault",
    [
        flapping(connection_refused().on(EDGE), up_s=0.01, down_s=0.01),
        rolling(outage("pricing", kind="killed"), every_s=0.01),
        crash_loop(up_s=0.01, down_s=0.01).on(replica="auth-1"),
        latency(ms=5).on(EDGE).after(s=0.01),
        cpu_limit(share=0.5).on(replica="auth-1"),
        memory_limit(mb=64).on(replica="auth-1"),
    ],
    ids=str,
)
def test_a_dry_injector_breaks_nothing_over_time_either(fault):
    plane = Plane()
    faults = injector(plane, dry=True)
    with inject(faults, fault):
        time.sleep(0.05)
    assert plane.done == []
    assert faults.events
    assert not any(event.injected for event in faults.events)
    assert faults.process_events == []


def test_a_dry_request_fault_still_marks_matching_arrivals():
    rules = []
    plane = Plane()
    plane.set = rules.append
    with inject(injector(plane, dry=True), abort(503).on(EDGE).for_cohort("trondheim")):
        (rule,) = rules[0]
    assert (rule.abort, rule.delay_ms, rule.scope.cohort) == (None, 0, "trondheim")


def test_a_dry_injector_refuses_what_the_other_refuses():
    plane = Plane()
    with pytest.raises(FaultError):
        injector(plane, dry=True).check([abort(503).on("checkout -> prising")], CONTEXT)


def test_a_packet_fault_is_asked_for_before_anything_is_done_and_counted_when_it_ends():
    plane = Plane()
    faults = injector(plane)
    fault = packet_loss(percent=5, direction="requests").on(EDGE, replica="pricing-1")
    with inject(faults, fault):
        assert faults.events[0].packets is None
        faults.count_hits()
        assert faults.events[0].packets == 7
    links = ("checkout-1--pricing-1", "checkout-2--pricing-1")
    assert plane.done == [("ready",), ("drop", *links), ("let through", *reversed(links))]
    (event,) = faults.events
    assert (event.plane, event.packets, event.text) == ("packets", 7, f"{fault} (roughly)")


def test_what_the_machine_cannot_do_is_refused_before_anything_is_done():
    plane = Plane(fails=["ready"])
    with pytest.raises(TestbedError, match="cannot ready"):
        inject(injector(plane), latency(ms=5).on(EDGE), packet_loss(percent=5).on(EDGE))
    assert plane.done == []


def test_links_in_an_unreachable_network_are_refused_before_anything_happens():
    plane = Plane(fails=["links"])
    with pytest.raises(Unsupported, match="no way into the network of the links"):
        injector(plane).check([unreachable().on(EDGE)], CONTEXT)
    injector(plane, dry=True).check([unreachable().on(EDGE)], CONTEXT)
    assert plane.done == []


def test_a_fault_that_is_only_planned_is_resolved_and_nothing_is_done():
    plane = Plane()
    faults = injector(plane)
    resolved = faults.check([flapping(abort(503).on(EDGE).for_cohort("trondheim"), up_s=1, down_s=1)], CONTEXT)
    (planned,) = faults.ledger.planned(resolved)
    assert (planned.id, planned.edges, planned.cohort, planned.links, planned.injected) == (
        "f1",
        (EDGE,),
        "trondheim",
        (),
        False,
    )
    assert faults.is_idle
    with pytest.raises(FaultError, match="no cohort"):
        faults.check([abort(503).on(EDGE).for_cohort("oslo")], CONTEXT)
    faults.ledger.record_skipped([planned])
    assert [event.end < FOREVER for event in faults.events] == [True]
    with inject(faults, abort(503).on(EDGE)):
        assert not faults.is_idle
    assert [event.id for event in faults.events] == ["f1", "f2"]
    assert plane.done == [("rules", "f2"), ("rules",)]


def test_a_fault_is_asked_once_however_often_it_is_looked_at():
    faults, fault = injector(Plane()), Asked().on(EDGE)
    resolved = faults.check([fault], CONTEXT)
    faults.ledger.planned(resolved)
    with faults.inject(resolved):
        faults.count_hits()
    assert fault.questions == ONCE


def test_a_fault_that_comes_and_goes_is_asked_once_more_for_each_of_its_steps():
    faults, fault = injector(Plane()), Asked().on(EDGE)
    with inject(faults, flapping(fault, up_s=600, down_s=600)):
        assert fault.questions == ONCE * 2
    with inject(faults, flapping(fault, up_s=600, down_s=600).after(s=600)):
        assert fault.questions == ONCE * 3  # not yet for its first step


def test_a_fault_that_was_checked_is_checked_again_against_what_has_come_into_force_since():
    plane = Plane()
    faults = injector(plane)
    early = faults.check([latency(ms=5).on(EDGE)], CONTEXT)
    with inject(faults, connection_refused().on(EDGE)):
        before = list(plane.done)
        with pytest.raises(FaultError, match="contradict"):
            faults.inject(early)
        assert plane.done == before


def test_a_fault_that_is_refused_uses_up_no_id():
    faults = injector(Plane())
    with pytest.raises(FaultError):
        faults.check([abort(503).on("checkout -> prising")], CONTEXT)
    assert [fault.id for fault in faults.check([pause().on(replica="auth-1"), delay(ms=5).on(EDGE)], CONTEXT)] == [
        "f1",
        "f2",
    ]
