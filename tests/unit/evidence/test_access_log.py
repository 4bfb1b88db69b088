"""The id of a request is read from its baggage in any form that the standard allows."""

from __future__ import annotations

import pytest

from testbed.evidence.access_log import request_id
from testbed.evidence.recorder import joined
from testbed.history.events import Attempt, Call

CALL = Call("r1.7", "a -> b", "a-1", 1, 1.0, 5.0, 200, call="a-1:7.1")
ATTEMPT = Attempt("", "a -> b", "a-1", "b-1", 1, 1.0, 5.0, 200, call="a-1:7.1")


@pytest.mark.parametrize(
    ("baggage", "id"),
    [
        ("tb.id=r1.7,tb.user=u1", "r1.7"),
        ("shop=12,  tb.id = r1.7;secret , tb.user=u1", "r1.7"),
        ("tb.id=r1%2E7", "r1.7"),
        (f"big={'x' * 9000},tb.id=r1.7", "r1.7"),
        ("-,tb.id=r1.7", "r1.7"),  # nothing was noted of the first header
        ("note=a tb.id=r9,tb.id=r1.7", "r1.7"),
        ("tb.id=r1~7", ""),
        ("xtb.id=r1.7", ""),
        ("-", ""),
        (None, ""),
    ],
)
def test_the_id_of_a_baggage(baggage: str | None, id: str) -> None:
    assert request_id(baggage) == id


def test_an_attempt_without_an_id_has_that_of_its_call() -> None:
    other = Attempt("", "a -> b", "a-1", "b-1", 1, 1.0, 5.0, 200, call="a-1:8.1")
    first, second, call = joined([ATTEMPT, other, CALL])
    assert [first.request, second.request, call.request] == ["r1.7", "", "r1.7"]
