"""A check proves nothing in a window that no fault overlaps, or in which the fault met no request."""

import pytest

from testbed.checks import contained, judge, recovery, statuses
from testbed.checks.judging.report import BLIND
from tests.kit.story import Story, faulty, quiet

COUNT = statuses(200)


def healed_before_the_hold(**changes):
    """Tell of a fault that requests met, but not those of the hold phase (4 s to 8 s)."""
    story = Story()
    before = story.phase("before", 400)
    story.phase("hold", 400)
    story.phase("recover", 100)
    story.attempts(before)
    story.fault(3.0, 3.5, **changes)
    return story


def test_a_fault_that_was_healed_before_the_window_proves_nothing_there():
    found = healed_before_the_hold().verdict(COUNT)
    assert found.outcome == "inconclusive"
    assert "no fault was in force in hold: f1" in found.why
    assert "was healed 0.5 s before hold began" in found.why


def test_a_restart_right_before_the_window_is_judged_there():
    assert healed_before_the_hold(momentary=True).verdict(COUNT).outcome == "held"


def test_nor_does_a_fault_that_began_after_it():
    story = Story()
    story.phase("hold", 400)
    later = story.phase("later", 400)
    story.attempts(later)
    story.fault(5.0, 6.0)
    found = story.verdict(COUNT)
    assert found.outcome == "inconclusive"
    assert "began 1 s after hold ended" in found.why


def test_a_fault_that_met_only_requests_of_another_time_proves_nothing():
    story = Story()
    story.phase("hold", 400)
    story.attempts(story.phase("drain", 50))
    story.fault(0.0, 4.5)
    found = story.verdict(COUNT)
    assert found.outcome == "inconclusive"
    assert "touched none of 400 requests of hold" in found.why


def test_each_fault_must_have_met_a_request_of_the_window():
    story = faulty()
    story.fault(4.0, 8.0, id="f2", links=("frontend-1--checkout-1",), edges=("frontend -> checkout",))
    assert story.verdict(COUNT).outcome == "inconclusive"


@pytest.mark.parametrize("check", [COUNT.during("hold"), COUNT.during("recover"), recovery(within_s=0.1), contained()])
def test_a_check_with_a_window_of_its_own_is_judged_there(check):
    assert healed_before_the_hold().verdict(check).outcome == "held"


def test_a_fault_that_met_requests_of_the_window_is_judged():
    assert faulty().verdict(COUNT).outcome == "held"
    assert faulty(status=503).verdict(COUNT).outcome == "violated"


def test_a_control_run_has_no_fault_to_wait_for():
    assert quiet().verdict(COUNT).outcome == "held"
    assert healed_before_the_hold(injected=False).verdict(COUNT).outcome == "held"  # an arm without the fault


def test_a_report_of_the_time_before_the_fault_alone_is_not_held():
    alone = judge(faulty().history, all=[COUNT.during("baseline")])
    assert [one.outcome for one in alone.verdicts] == ["held"]
    assert (alone.outcome, bool(alone), alone.blind) == ("inconclusive", False, BLIND)
    assert BLIND in alone.headline


def test_the_time_before_the_fault_may_be_judged_beside_another():
    both = judge(faulty().history, all=[COUNT.during("baseline"), COUNT])
    assert (both.outcome, both.blind) == ("held", "")
    assert judge(quiet().history, all=[COUNT.during("baseline")]).outcome == "held"
