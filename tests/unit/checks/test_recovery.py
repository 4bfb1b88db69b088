from dataclasses import replace

import pytest

from testbed.checks import recovery
from testbed.errors import CheckError
from testbed.history.events import FaultEvent, Request
from tests.kit.story import EPOCH, faulty, quiet


def test_value_bound_and_margin_are_on_one_clock():
    story = faulty(400, recover=100)
    story.phase("late", 300)  # the load goes on after the phase that is judged
    failing = ("recover-", "late-")
    story.events = [
        replace(e, status=503) if isinstance(e, Request) and e.id.startswith(failing) else e for e in story.events
    ]
    verdict = story.verdict(recovery(within_s=0.5))
    assert (verdict.observed, verdict.margin) == ("last failure 0.99 s after healing", "0.49 s over")


def recovering(failures, n=100, **recover):
    """A fault heals at 8 s; from then on 100 requests a second, of which these numbers fail."""
    story = faulty(recover=0)
    story.phase("recover", n, status=lambda i: 503 if i in failures else 200, **recover)
    return story


def test_it_holds_when_nothing_due_after_the_deadline_failed():
    verdict = recovering(range(50)).verdict(recovery(within_s=0.5))
    assert (verdict.outcome, verdict.observed) == ("held", "last failure 0.49 s after healing")
    assert (verdict.phase, verdict.bound, verdict.n) == ("recover", "within 0.5 s of healing", 49)
    assert (verdict.margin, verdict.confidence) == ("0.01 s to spare", "exact")


def test_without_any_failure_all_of_the_time_is_to_spare():
    verdict = recovering(()).verdict(recovery(within_s=0.5))
    assert (verdict.observed, verdict.margin) == ("no failure after healing", "0.5 s to spare")


@pytest.mark.parametrize(("number", "outcome"), [(50, "held"), (51, "violated")])
def test_later_than_the_deadline_means_later(number, outcome):
    story = recovering((number,))
    assert story.verdict(recovery(within_s=0.5)).outcome == outcome


def test_a_failure_after_the_deadline_is_a_violation():
    verdict = recovering((60, 70)).verdict(recovery(within_s=0.5))
    assert (verdict.outcome, verdict.observed) == ("violated", "last failure 0.7 s after healing")
    assert verdict.why == "2 requests of 49 failed after the deadline: 503 x 2"
    assert verdict.margin == "0.2 s over"
    assert verdict.next.startswith("request recover-70 ")


def test_one_late_failure_violates_it_even_if_few_requests_were_sent():
    assert recovering((60,), n=61).verdict(recovery(within_s=0.5)).outcome == "violated"


@pytest.mark.parametrize(("n", "outcome"), [(70, "inconclusive"), (71, "held")])
def test_twenty_requests_after_the_deadline_are_needed(n, outcome):
    verdict = recovering((), n=n).verdict(recovery(within_s=0.5))
    assert verdict.outcome == outcome
    if outcome == "inconclusive":
        assert verdict.why.startswith("only 19 requests of recover were due later than 0.5 s after healing (20 needed)")
        assert verdict.next == "let recover last 0.71 s or longer (recover_s=)"


def test_time_counts_from_the_end_of_the_last_fault():
    story = recovering((30,))
    story.events = [replace(e, end=EPOCH + 7.0) if isinstance(e, FaultEvent) else e for e in story.events]
    assert story.verdict(recovery(within_s=0.5)).outcome == "violated"  # 1.3 s after healing
    story.fault(4.0, 8.0, id="f2")
    assert story.verdict(recovery(within_s=0.5)).outcome == "held"


def test_failures_before_healing_are_not_its_business():
    story = faulty(status=503)
    assert story.verdict(recovery(within_s=0.5)).observed == "no failure after healing"


def test_another_phase_may_be_named():
    story = faulty(recover=0)
    story.phase("healed", 100)
    assert story.verdict(recovery(within_s=0.5).during("healed")).phase == "healed"
    with pytest.raises(CheckError, match="this run has no phase 'recover'"):
        quiet().verdict(recovery(within_s=1))


def test_without_a_fault_time_counts_from_the_start_of_the_phase():
    story = quiet()
    story.phase("recover", 100, status=lambda i: 503 if i == 60 else 200)
    verdict = story.verdict(recovery(within_s=0.5))
    assert (verdict.outcome, verdict.observed) == ("violated", "last failure 0.6 s after healing")


@pytest.mark.parametrize("bound", [0, -1, "1s"])
def test_bad_bounds_are_refused(bound):
    with pytest.raises(CheckError, match="within_s must be a number above 0"):
        recovery(within_s=bound)


def test_it_needs_a_bound():
    with pytest.raises(CheckError, match=r"recovery\(\): give exactly one of within_s="):
        recovery()
