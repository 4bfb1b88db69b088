import pytest
from site_of_faults import SITE

from faults import abort, delay, kill, latency, pause, refused, restart
from testbed.errors import FaultError, TestbedError
from testbed.injection import FOREVER, Injector

EDGE = "checkout -> pricing"


class Plane:
    """Stands for all three controls and writes down what it is told; `fails` names what it refuses."""

    def __init__(self, fails=()):
        self.done, self.fails = [], fails

    def _do(self, *what):
        if what[0] in self.fails:
            raise TestbedError(f"cannot {what[0]}")
        self.done.append(what)

    def apply(self, op):
        self._do("apply", op.link)

    def undo(self, op):
        self._do("undo", op.link)

    def set(self, rules):
        self._do("rules", *(rule.fault for rule in rules))

    def kill(self, name):
        self._do("kill", name)

    def pause(self, name):
        self._do("pause", name)

    def resume(self, name):
        self._do("resume", name)

    def restart(self, name):
        self._do("restart", name)


def injector(plane):
    return Injector(plane, plane, plane)


def test_a_kill_closes_links_first_and_opens_them_last():
    plane = Plane()
    with injector(plane).inject([kill().on(replica="auth-1")], SITE):
        assert [what for what, *_ in plane.done] == ["apply", "apply", "kill"]
    assert [what for what, *_ in plane.done[3:]] == ["restart", "undo", "undo"]


def test_rules_of_several_faults_are_in_force_together_and_leave_one_by_one():
    plane = Plane()
    faults = injector(plane)
    first = faults.inject([delay(ms=5).on(EDGE)], SITE)
    second = faults.inject([abort(503).on(EDGE)], SITE)
    first.heal()
    second.heal()
    assert plane.done == [("rules", "f1"), ("rules", "f1", "f2"), ("rules", "f2"), ("rules",)]


def test_healing_twice_heals_once():
    plane = Plane()
    with injector(plane).inject([pause().on(replica="auth-1")], SITE) as injection:
        injection.heal()
    assert plane.done == [("pause", "auth-1/app"), ("resume", "auth-1/app")]


def test_an_exception_in_the_block_heals():
    plane = Plane()
    with pytest.raises(ZeroDivisionError), injector(plane).inject([pause().on(replica="auth-1")], SITE):
        raise ZeroDivisionError
    assert plane.done[-1] == ("resume", "auth-1/app")


def test_if_the_second_fault_cannot_be_injected_the_first_is_healed():
    plane = Plane(fails=("pause",))
    faults = [latency(ms=5).on(EDGE), pause().on(replica="auth-1")]
    with pytest.raises(TestbedError, match="cannot pause"):
        injector(plane).inject(faults, SITE)
    applied = sorted(link for what, link in plane.done if what == "apply")
    assert applied == sorted(link for what, link in plane.done if what == "undo")


def test_a_failing_heal_is_raised_after_all_else_is_healed():
    plane = Plane(fails=("restart",))
    injection = injector(plane).inject([kill().on(replica="auth-1")], SITE)
    with pytest.raises(TestbedError, match="healing kill.*cannot restart"):
        injection.heal()
    assert [what for what, *_ in plane.done[-2:]] == ["undo", "undo"]


def test_a_contradiction_with_what_is_in_force_changes_nothing():
    plane = Plane()
    faults = injector(plane)
    faults.inject([refused().on(EDGE)], SITE)
    before = list(plane.done)
    with pytest.raises(FaultError, match="contradict"):
        faults.inject([latency(ms=5).on(EDGE)], SITE)
    assert plane.done == before


def test_the_same_fault_twice_is_refused():
    with pytest.raises(TestbedError, match="the same fault twice"):
        injector(Plane()).inject([delay(ms=5).on(EDGE), delay(ms=5).on(EDGE)], SITE)


def test_a_restart_is_over_when_inject_returns():
    plane = Plane()
    faults = injector(plane)
    faults.inject([restart().on(replica="auth-1")], SITE)
    assert [what for what, *_ in plane.done] == ["apply", "apply", "kill", "restart", "undo", "undo"]
    (event,) = faults.events
    assert event.start < event.end < FOREVER


def test_the_event_names_what_the_fault_reaches_and_whom():
    faults = injector(Plane())
    injection = faults.inject([delay(ms=5).on(EDGE).for_users("u1")], SITE)
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
    faults = Injector(plane, plane, plane, dry=True)
    for fault in (kill().on(replica="auth-1"), latency(ms=5).on(EDGE), restart().on(replica="auth-1")):
        with faults.inject([fault], SITE):
            pass
    assert plane.done == []
    assert [(event.name, event.injected) for event in faults.events] == [
        ("kill", False),
        ("latency", False),
        ("restart", False),
    ]
    assert all(event.links and event.end < FOREVER for event in faults.events)
    assert faults.process_events == []


def test_a_dry_request_fault_still_marks_whom_it_meets():
    rules = []
    plane = Plane()
    plane.set = rules.append
    with Injector(plane, plane, plane, dry=True).inject([abort(503).on(EDGE).for_cohort("trondheim")], SITE):
        (rule,) = rules[0]
    assert (rule.abort, rule.delay_ms, rule.scope.cohort) == (None, 0, "trondheim")


def test_a_dry_injector_refuses_what_the_other_refuses():
    plane = Plane()
    with pytest.raises(FaultError):
        Injector(plane, plane, plane, dry=True).check([abort(503).on("checkout -> prising")], SITE)
