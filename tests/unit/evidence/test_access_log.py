"""The id of a request is read from its baggage in any form that the standard allows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.evidence.access_log import request_id
from testbed.evidence.recorder import joined
from testbed.history.events import Attempt, Call
from testbed.injection.inlet.log import parse
from testbed.mesh.envoy.log import ProxyLog
from testbed.plan.values import Link
from tests.kit.examples import examples

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


LINE = {"start": "1", "end": "2", "status": 200, "local": "1.1.1.1:80", "attempt": 1, "flags": "-", "details": "-"}
LINE |= {"kind": "call", "baggage": None, "fault": "", "path": "/", "method": "GET"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3) | st.sampled_from(["nan", "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
LINES = st.lists(
    st.text(max_size=8)
    | st.dictionaries(st.sampled_from([*LINE, "id"]), ANYTHING).map(lambda change: json.dumps(LINE | change)),
    max_size=4,
)


@given(lines=LINES)
@examples(100)
def test_any_line_is_an_event_or_counted(lines: list[str]) -> None:
    link = Link("a-1--b-1", "a-1", "b-1", "a -> b", "1.1.1.1:80", "1.1.1.1:80", "1.1.1.2:80")
    for reading in (parse(lines, [link], "1.1.1.9:1"), ProxyLog([link]).read(lines)):
        assert reading.garbage + len(reading.events) <= len(lines)


def test_a_line_of_deep_nesting_is_garbage() -> None:
    assert parse(["[" * 100_000, "9" * 5000, '{"local": NaN}'], [], "").garbage == 3
