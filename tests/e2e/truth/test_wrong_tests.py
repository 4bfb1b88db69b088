"""Deliberately wrong tests, as users write them: each proves nothing, so none of them may end green."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from testbed import (
    abort,
    attempts,
    bulkhead,
    constant_rate,
    contained,
    delay,
    get,
    latency,
    outage,
    recovery,
    statuses,
    topology,
)
from testbed.errors import Inconclusive, TestbedError
from testbed.experiment.run import Run
from testbed.experiment.testbed import Testbed

pytestmark = pytest.mark.e2e
page = topology("wrong_tests/topology.yaml", scope="module")
EDGE = "page -> search"
LOAD = constant_rate(get("/"), rps=40, users=20, cohorts={"oslo": "10%"})
SHORT = {"warmup_s": 0.1, "baseline_s": 0.3, "hold_s": 0.6, "recover_s": 0.2}


def not_green(act: Callable[[], object]) -> str:
    """Return why a run could not be judged, or was refused as written; neither green nor red is right here."""
    with pytest.raises((Inconclusive, TestbedError)) as caught:
        act()
    return " ".join(str(caught.value).split())


def run_of(page: Testbed, *faults, **load) -> Run:
    return page.experiment(*faults, load=constant_rate(get("/"), rps=40, users=20, **load) if load else LOAD, **SHORT)


# -- the wrong window


def healed_early(page: Testbed, fault) -> Run:
    """Heal a fault, which did hit requests, before the phase begins that is judged."""
    with page.load(LOAD) as traffic:
        traffic.run(for_s=0.3, phase="before")
        with page.inject(fault):
            time.sleep(0.3)
        traffic.run(for_s=0.6, phase="hold")
    return traffic.result()


def test_wrong_a_fault_that_is_healed_before_the_hold(page: Testbed) -> None:
    run = healed_early(page, abort(503).on(EDGE))
    assert "no fault was in force in hold" in not_green(lambda: run.check(all=[statuses(200)]))
    run.check(all=[attempts(EDGE, at_most=3).during("hold")])  # a window of its own: the time after healing is meant


def test_wrong_only_the_time_before_the_fault(page: Testbed) -> None:
    run = run_of(page, outage("search"))
    assert "only the time before the fault" in not_green(lambda: run.check(all=[statuses(200).during("baseline")]))


def test_the_same_with_a_look_at_the_fault_beside_it(page: Testbed) -> None:
    run = run_of(page, abort(503).on(EDGE))
    run.check(all=[statuses(200).during("baseline"), statuses(503)])


# -- the wrong place


def test_wrong_a_fault_on_an_edge_that_the_load_never_reaches(page: Testbed) -> None:
    run = run_of(page, outage("ads"))
    assert "touched none of" in not_green(lambda: run.check(all=[contained(), statuses(200)]))


def test_wrong_a_check_on_an_edge_that_no_request_used(page: Testbed) -> None:
    run = run_of(page, latency(ms=20).on(EDGE))
    said = not_green(lambda: run.check(all=[attempts("page -> ads", at_most=1)]))
    assert "used page -> ads (at least 1 needed)" in said


def test_wrong_a_check_on_the_wrong_callee(page: Testbed) -> None:
    run = run_of(page, abort(503).on(EDGE))
    run.check(all=[statuses(503)])
    assert "did you mean 'page -> search'?" in not_green(lambda: run.check(all=[attempts("page -> serch", at_most=1)]))
    not_green(lambda: run.check(all=[bulkhead("search -> index")]))


# -- the wrong load


def test_wrong_a_load_that_sends_nothing(page: Testbed) -> None:
    def act() -> None:
        with page.load(constant_rate(get("/"), rps=0.1)) as traffic:
            traffic.run(for_s=0.2, phase="before")  # the only request is due at its start
            with page.inject(abort(503).on(EDGE)):
                traffic.run(for_s=0.2, phase="hold")
        traffic.result().check(all=[statuses(200)])

    not_green(act)
    not_green(lambda: constant_rate(get("/"), rps=0))


def test_wrong_a_hold_that_is_shorter_than_the_wait_of_the_fault(page: Testbed) -> None:
    not_green(lambda: run_of(page, abort(503).on(EDGE).after(s=5)))


def test_wrong_a_fault_for_a_cohort_that_no_user_has(page: Testbed) -> None:
    assert "no cohort 'bergen'" in not_green(lambda: run_of(page, delay(ms=20).on(EDGE).for_cohort("bergen")))


def test_wrong_a_check_of_a_cohort_that_no_user_has(page: Testbed) -> None:
    run = run_of(page, delay(ms=20).on(EDGE))
    someone = run.history.index.by_phase["hold"][0].user
    run.check(all=[statuses(200).for_cohort("oslo"), statuses(200).where(lambda request: request.user == someone)])
    said = not_green(lambda: run.check(all=[statuses(200).for_cohort("osla")]))
    assert "belongs to a cohort 'osla' (did you mean 'oslo'?)" in said


# -- nobody is judged


def test_wrong_populations_phases_and_checks_that_are_not_there(page: Testbed) -> None:
    run = run_of(page, delay(ms=5).on(EDGE))
    for said, judged in (
        ("without any check", {}),
        ("without any check", {"all": []}),
        ("needs faults with a fixed scope", {"affected": [statuses(200)]}),
        ("belong to the population untouched", {"untouched": [statuses(200)]}),
        ("no phase 'hodl' (did you mean 'hold'?)", {"all": [statuses(200).during("hodl")]}),
        ("belong to the population", {"all": [statuses(200).where(lambda request: False)]}),
        ("is not a check; call it", {"all": [statuses]}),
        ("no failure after healing", {"all": [recovery(within_s=1)]}),
    ):
        assert said in not_green(lambda judged=judged: run.check(**judged)), said


def test_wrong_everybody_is_affected_and_nobody_drawn(page: Testbed) -> None:
    everybody = run_of(page, delay(ms=5).on(EDGE).for_users(percent=100))
    assert "belong to the population unaffected" in not_green(lambda: everybody.check(unaffected=[statuses(200)]))
    nobody = run_of(page, abort(503).on(EDGE).for_requests(percent=0.001))
    assert "touched none of" in not_green(lambda: nobody.check(all=[statuses(200)]))


def test_wrong_a_first_fault_that_hides_the_second(page: Testbed) -> None:
    for above, below in (
        (abort(503).on("client -> page"), delay(ms=5).on(EDGE)),
        (abort(503).on(EDGE), outage("index")),
    ):
        run = run_of(page, above, below)
        assert "touched none of" in not_green(lambda run=run: run.check(all=[statuses(503)]))
    not_green(lambda: run_of(page, outage("search"), latency(ms=50).on(EDGE)))


def test_wrong_a_fault_between_two_requests(page: Testbed) -> None:
    with page.load(constant_rate(get("/"), rps=4)) as traffic:
        traffic.run(for_s=0.3, phase="before")
        with page.inject(abort(503).on(EDGE)):
            pass
        traffic.run(for_s=0.3, phase="hold")
    not_green(lambda: traffic.result().check(all=[statuses(200)]))
