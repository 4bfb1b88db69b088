"""Requests of a load that speaks gRPC: OK is an answer, every other status a failure, and no answer is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testbed.checks import availability, call_statuses, contained, fallback, load_shedding, max_latency, recovery
from testbed.errors import CheckError
from testbed.history.events import Request
from testbed.history.file import History
from tests.kit.story import SHOP, Story, faulty

GRPC = {**SHOP, "services": {**SHOP["services"], "frontend": {"calls": [{"to": "checkout"}], "protocol": "grpc"}}}


def told(*codes, phase="hold", story=None):
    """Requests that ended with these gRPC statuses; None is no answer."""
    story = story or Story(topology=GRPC)
    for request, code in zip(story.phase(phase, len(codes)), codes, strict=True):
        place = story.events.index(request)
        story.events[place] = replace(request, status=0 if code is None else 200, grpc_status=code)
    return story


@pytest.mark.parametrize(
    ("code", "ok", "http"), [(0, True, 200), (14, False, 503), (5, False, 404), (1, False, 499), (99, False, 500)]
)
def test_only_ok_is_an_answer(code, ok, http):
    request = replace(told(0).events[-2], status=200, grpc_status=code)
    assert isinstance(request, Request)
    assert (request.ok, request.as_http) == (ok, http)


def test_availability_counts_statuses_as_failures_and_names_them():
    verdict = told(*[0] * 95, *[14] * 4, None).verdict(availability(at_least_percent=100))
    assert (verdict.outcome, verdict.observed) == ("violated", "95 of 100 (95 %)")
    assert "5 requests failed: UNAVAILABLE x 4, no answer x 1" in verdict.why
    assert told(*[0] * 100).verdict(availability(at_least_percent=95)).outcome == "held"


def test_users_with_an_error_are_affected():
    assert told(0, 0).verdict(contained()).outcome == "held"
    assert told(0, 13).verdict(contained()).outcome == "violated"


def test_recovery_ends_the_errors():
    early, late = [14] * 20 + [0] * 80, [0] * 99 + [14]
    assert told(*early, phase="recover", story=faulty(recover=0)).verdict(recovery(within_s=0.5)).outcome == "held"
    assert told(*late, phase="recover", story=faulty(recover=0)).verdict(recovery(within_s=0.5)).outcome == "violated"


def test_time_counts_whatever_the_status_and_no_answer_is_infinitely_slow():
    assert told(0, 14).verdict(max_latency(under_ms=50)).outcome == "held"
    assert told(0, None).verdict(max_latency(under_ms=50)).outcome == "violated"


def test_what_is_turned_away_goes_by_the_http_status_that_says_the_same():
    check = load_shedding("client -> frontend", rejects_within_ms=50, statuses=(503,))
    assert told(0, 14).verdict(check).outcome == "held"
    assert told(0, 8).verdict(check).outcome == "inconclusive"


def test_a_missing_fallback_is_reported_with_the_status():
    verdict = told(0, 14).verdict(fallback("list-price"))
    assert verdict.why == "2 answers came without list-price: OK with no fallback x 1, UNAVAILABLE with no fallback x 1"


def test_how_they_ended_is_asked_of_the_loads_own_edge_as_of_any_other():
    check = call_statuses("client -> frontend", grpc_status=("OK", "UNAVAILABLE"))
    assert told(0, 14).verdict(check).outcome == "held"
    verdict = told(0, 5, None).verdict(check)
    assert (verdict.outcome, verdict.observed) == ("violated", "OK x 1, NOT_FOUND x 1, no answer x 1")
    with pytest.raises(CheckError, match="carries gRPC: use grpc_status="):
        told(0).verdict(call_statuses("client -> frontend", status=200))


def test_the_status_is_in_the_file_and_old_files_have_none(tmp_path):
    story = told(0, 14, None)
    story.history.write(tmp_path / "run.jsonl")
    read = History.read(tmp_path / "run.jsonl")
    assert [one.grpc_status for one in read.index.requests] == [0, 14, None]
    text = (tmp_path / "run.jsonl").read_text()
    (tmp_path / "old.jsonl").write_text(text.replace(', "grpc_status": 14', "").replace(',"grpc_status":14', ""))
    assert [one.grpc_status for one in History.read(tmp_path / "old.jsonl").index.requests] == [0, None, None]
