from dataclasses import replace

import pytest

from testbed.checks import statuses
from testbed.errors import CheckError
from testbed.history.events import Evidence, Request
from tests.kit.story import Story, quiet


def test_it_holds_when_every_status_is_named():
    verdict = quiet(5, status=lambda i: 404 if i == 1 else 200).verdict(statuses(200, 404))
    assert (verdict.outcome, verdict.observed, verdict.bound) == ("held", "200 x 4, 404 x 1", "only 200, 404")
    assert (verdict.confidence, verdict.n) == ("exact", 5)


def test_one_other_status_violates_it():
    verdict = quiet(5, status=lambda i: 503 if i == 4 else 200).verdict(statuses(200))
    assert (verdict.outcome, verdict.margin) == ("violated", "1 non-200")
    assert verdict.why == "1 request of 5 ended with another status: 503 x 1"
    assert verdict.next.startswith("request hold-4 ")


GRPC = {"entry": "front", "services": {"front": {"protocol": "grpc"}}}


def rpc(*codes):
    """Requests of a gRPC load, which ended so; None is no answer."""
    story = Story(topology=GRPC)
    requests = story.phase("hold", len(codes))
    story.without(Request)
    for request, code in zip(requests, codes, strict=True):
        story.events.append(replace(request, status=0 if code is None else 200, grpc_status=code))
    return story


def test_grpc_statuses_go_by_their_names():
    verdict = rpc(0, 0, 14).verdict(statuses("OK", "UNAVAILABLE"))
    assert (verdict.outcome, verdict.observed) == ("held", "OK x 2, UNAVAILABLE x 1")
    assert verdict.bound == "only OK, UNAVAILABLE"
    verdict = rpc(0, 8, None).verdict(statuses("OK"))
    assert (verdict.outcome, verdict.margin) == ("violated", "2 non-OK")
    assert verdict.why == "2 requests of 3 ended with another status: RESOURCE_EXHAUSTED x 1, no answer x 1"
    assert verdict.next.startswith("request hold-2 (GET /, user u2): no answer after")
    assert "RESOURCE_EXHAUSTED after" in rpc(0, 8).verdict(statuses("OK")).next


@pytest.mark.parametrize(("code", "number"), [(0, 200), (14, 503), (5, 404), (13, 500), (4, 504)])
def test_a_number_means_the_grpc_statuses_that_say_the_same(code, number):
    assert rpc(code).verdict(statuses(number)).outcome == "held"
    if code:
        assert rpc(code).verdict(statuses(200)).outcome == "violated"


def test_a_name_says_nothing_about_http():
    with pytest.raises(CheckError, match="the entry speaks http, which has no gRPC status"):
        quiet(3).verdict(statuses("OK"))


def test_a_misspelt_name_is_refused_with_the_nearest():
    with pytest.raises(CheckError, match="no gRPC status 'UNAVAILBLE'.*did you mean 'UNAVAILABLE'"):
        statuses("UNAVAILBLE")


def test_nothing_but_errors_is_a_reaction():
    assert statuses("UNAVAILABLE").reaction
    assert not statuses("OK", "UNAVAILABLE").reaction


def test_no_answer_is_no_status():
    verdict = quiet(5, status=0).verdict(statuses(200))
    assert (verdict.outcome, verdict.observed) == ("violated", "no answer x 5")


def test_it_is_inconclusive_when_requests_are_missing_from_the_record():
    story = quiet(5)
    story.without(Evidence, "requests")
    story.events.append(Evidence("requests", complete=False, missing="2 requests have not ended"))
    verdict = story.verdict(statuses(200))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "the record of requests is not complete: 2 requests have not ended"


@pytest.mark.parametrize("code", [0, 99, 600, "200", 200.0])
def test_what_is_no_status_is_refused(code):
    with pytest.raises(CheckError, match="is not an HTTP status"):
        statuses(200, code)


@pytest.mark.parametrize("code", [100, 599])
def test_the_first_and_the_last_status_are_statuses(code):
    assert statuses(code).codes == (code,)


def test_it_needs_a_status():
    with pytest.raises(CheckError, match="name at least one status"):
        statuses()
