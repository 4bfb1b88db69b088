import pytest
from story import quiet

from testbed.checks import only_statuses
from testbed.errors import CheckError
from testbed.history import Evidence


def test_it_holds_when_every_status_is_named():
    verdict = quiet(5, status=lambda i: 404 if i == 1 else 200).verdict(only_statuses(200, 404))
    assert (verdict.outcome, verdict.observed, verdict.bound) == ("held", "200 x 4, 404 x 1", "only 200, 404")
    assert (verdict.confidence, verdict.n) == ("exact", 5)


def test_one_other_status_violates_it():
    verdict = quiet(5, status=lambda i: 503 if i == 4 else 200).verdict(only_statuses(200))
    assert (verdict.outcome, verdict.margin) == ("violated", "1 other")
    assert verdict.why == "1 request of 5 ended otherwise: 503 x 1"
    assert verdict.next.startswith("request hold-4 ")


def test_no_answer_is_no_status():
    verdict = quiet(5, status=0).verdict(only_statuses(200))
    assert (verdict.outcome, verdict.observed) == ("violated", "no answer x 5")


def test_it_is_inconclusive_when_requests_are_missing_from_the_record():
    story = quiet(5)
    story.without(Evidence, "requests")
    story.events.append(Evidence("requests", complete=False, missing="2 requests have not ended"))
    verdict = story.verdict(only_statuses(200))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "the record of requests is not complete: 2 requests have not ended"


@pytest.mark.parametrize("code", [0, 99, 600, "200", 200.0])
def test_what_is_no_status_is_refused(code):
    with pytest.raises(CheckError, match="is not an HTTP status"):
        only_statuses(200, code)


@pytest.mark.parametrize("code", [100, 599])
def test_the_first_and_the_last_status_are_statuses(code):
    assert only_statuses(code).codes == (code,)


def test_it_needs_a_status():
    with pytest.raises(CheckError, match="name at least one status"):
        only_statuses()
