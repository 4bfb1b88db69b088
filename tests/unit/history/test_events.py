from dataclasses import replace

import pytest

from testbed.history.events import Arrival, Attempt, Call, Request

GRPC_OK, UNAVAILABLE = 0, 14
ANSWERS = {
    Request: lambda status, grpc: Request("r", "u", "", 0, 0, 1, status, grpc_status=grpc),
    Attempt: lambda status, grpc: Attempt("r", "a -> b", "a-1", "b-1", 1, 0, 1, status, grpc_status=grpc),
    Call: lambda status, grpc: Call("r", "a -> b", "a-1", 1, 0, 1, status, grpc_status=grpc),
    Arrival: lambda status, grpc: Arrival("r", "a -> b", "a-1", "b-1", 1, 0, 1, status, grpc_status=grpc),
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    ("status", "grpc", "judged"), [(200, None, 200), (503, None, 503), (200, GRPC_OK, 200), (200, UNAVAILABLE, 503)]
)
def test_an_answer_is_judged_by_its_own_status_or_by_its_grpc_status(kind, status, grpc, judged):
    assert ANSWERS[kind](status, grpc).as_http == judged


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("outcome", ["broken_off", "client_gone"])
def test_an_answer_that_was_not_whole_is_no_answer(kind, outcome):
    whole = ANSWERS[kind](200, None)
    partial = replace(whole, outcome=outcome)
    assert (whole.ok, whole.answered, whole.has_status(200)) == (True, True, True)
    assert (partial.ok, partial.answered, partial.has_status(200)) == (False, False, False)


def test_an_error_of_the_proxy_itself_is_an_answer():
    call = replace(ANSWERS[Call](504, None), outcome="timeout")
    assert (call.ok, call.answered, call.has_status(504)) == (False, True, True)


def test_a_request_is_ok_from_200_to_399_and_where_the_protocol_was_switched():
    ok = [status for status in range(0, 600) if Request("r", "u", "", 0, 0, 1, status).ok]
    assert ok == [101, *range(200, 400)]
