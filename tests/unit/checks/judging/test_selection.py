"""A check for one cohort, or for the requests that a function names, whatever the scope of the faults."""

import pytest

from testbed.checks import (
    attempts,
    circuit_breaker,
    contained,
    judge,
    max_latency,
    outlier_ejection,
    p50,
    probe,
    statuses,
)
from testbed.errors import CheckError
from tests.kit.story import EDGE, Story, faulty

OSLO = statuses(200).for_cohort("oslo")


def cohorts(i):
    return "oslo" if i % 4 == 0 else "bergen"


def told(**changes):
    """Tell of a fault without any scope, under which the users of bergen alone are failed."""
    hold = {"cohort": cohorts, "status": lambda i: 200 if i % 4 == 0 else 503}
    return faulty(**{**hold, **changes})


def early(request):
    """Select the requests of the first second of the hold phase."""
    return int(request.id.rpartition("-")[2]) < 100


def test_a_check_judges_one_cohort_under_a_fault_without_scope():
    good, bad = (told().verdict(statuses(200).for_cohort(name)) for name in ("oslo", "bergen"))
    assert (good.outcome, good.n, good.population) == ("held", 100, "all, cohort oslo")
    assert (bad.outcome, bad.n) == ("violated", 300)
    assert bad.check == "statuses(200).for_cohort('bergen')"


def test_a_check_judges_the_requests_for_which_a_function_is_true():
    found = told(status=lambda i: 503 if i < 100 else 200).verdict(statuses(503).where(early))
    assert (found.outcome, found.n, found.population) == ("held", 100, "all, where early")
    assert found.check == "statuses(503).where(early)"


def test_both_together_and_in_another_phase():
    story = told()
    found = story.verdict(OSLO.where(early).during("hold"))
    assert (found.n, found.check) == (25, "statuses(200).for_cohort('oslo').where(early).during('hold')")


def test_a_lambda_is_named_by_its_line():
    found = told().verdict(statuses(200, 503).where(lambda request: request.cohort == "oslo"))
    assert found.n == 100
    assert found.population.startswith("all, where test_selection.py:")


def test_it_is_a_part_of_any_population_and_of_the_calls_that_it_caused():
    story = told(tries=lambda i: 1 if i % 4 else 2)
    assert story.verdict(OSLO, who="touched").population == "touched, cohort oslo (descriptive)"
    assert story.verdict(attempts(EDGE, exactly=2).for_cohort("oslo")).n == 100


def test_the_baseline_is_that_of_the_same_users():
    story = Story()
    story.phase("baseline", 400, cohort=cohorts, latency=lambda i: 20 if i % 4 else 500)
    requests = story.phase("hold", 400, cohort=cohorts, latency=lambda i: 20 if i % 4 else 510)
    story.fault(4.0, 8.0)
    story.attempts(requests)
    for who in ("all", "touched"):
        assert story.verdict(p50(above_baseline_ms=50).for_cohort("oslo"), who=who).outcome == "held"


def test_the_cohort_that_a_check_names_is_not_left_out_by_contained():
    story = told()
    story.fault(4.0, 8.0, cohort="bergen")
    assert story.verdict(contained().for_cohort("bergen"), who="all").outcome == "violated"


def test_an_unknown_cohort_is_refused_with_the_nearest_name():
    with pytest.raises(CheckError, match=r"belongs to a cohort 'olso' \(did you mean 'oslo'\?\)"):
        told().verdict(statuses(200).for_cohort("olso"))
    with pytest.raises(CheckError, match="the load has none"):
        faulty().verdict(OSLO)


def test_an_empty_selection_is_inconclusive():
    found = told().verdict(statuses(200).where(lambda request: False))
    assert (found.outcome, "belong to the population all, where" in found.why) == ("inconclusive", True)


def test_an_error_of_the_function_is_named():
    with pytest.raises(CheckError, match=r"where\(test_selection.py:\d+\) fails for Request.*AttributeError"):
        told().verdict(max_latency(under_ms=900).where(lambda request: request.nothing))


@pytest.mark.parametrize(
    "check",
    [circuit_breaker(EDGE, opens_within_s=1), outlier_ejection(EDGE, within_s=1), probe("rows", at_least=1)],
    ids=str,
)
def test_what_judges_no_single_requests_takes_no_part_of_them(check):
    with pytest.raises(CheckError, match="judges no single requests"):
        check.for_cohort("oslo")
    with pytest.raises(CheckError, match="judges no single requests"):
        check.where(early)


def test_where_takes_a_function():
    with pytest.raises(CheckError, match="takes a function"):
        statuses(200).where("path == /cart")


def test_the_same_check_of_two_cohorts_is_no_repetition():
    checks = [statuses(200).for_cohort("oslo"), statuses(503).for_cohort("bergen"), contained(at_most=19)]
    assert [one.outcome for one in judge(told().history, all=checks).verdicts] == ["held", "held", "held"]
    with pytest.raises(CheckError, match="twice"):
        judge(told().history, all=[OSLO, statuses(503).for_cohort("oslo")])
