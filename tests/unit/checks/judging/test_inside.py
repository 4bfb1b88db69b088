from dataclasses import replace

from testbed.checks import statuses
from testbed.checks.judging.inside import inside
from testbed.history.events import SpanEvent
from tests.kit.story import faulty

SPAN = SpanEvent("hold-0", "orders", "orders-1", "query", "SELECT * FROM stock", "client", 1.0, 812.0)


def told(*spans):
    story = faulty(status=lambda i: 503 if i == 0 else 200)
    story.events += spans
    return story


def lines(*spans):
    index = told(*spans).history.index
    return list(inside(index, next(one for one in index.requests if one.id == "hold-0")))


def test_the_same_thing_several_times_is_one_line():
    assert lines(SPAN) == ["inside orders-1: SELECT * FROM stock: 812 ms"]
    again = [SPAN, replace(SPAN, duration_ms=700.0), replace(SPAN, duration_ms=90.0, failed=True, why="timeout")]
    assert lines(*again) == [
        "inside orders-1: SELECT * FROM stock: 812 ms the longest, 3 times, 1 failed (timeout)",
    ]


def test_failed_ones_come_first_then_the_longest_and_the_rest_is_counted():
    spans = [replace(SPAN, text=f"q{i}", duration_ms=float(i)) for i in range(7)]
    spans[1] = replace(spans[1], failed=True)
    assert lines(*spans) == [
        "inside orders-1: q1: 1 ms, failed",
        "inside orders-1: q6: 6 ms",
        "inside orders-1: q5: 5 ms",
        "inside orders-1: q4: 4 ms",
        "... 3 spans more inside services",
    ]


def test_a_breaker_and_an_exception_are_told():
    noted = replace(SPAN, kind="server", text="GET /", notes=("breaker open", "exception Late: no answer"))
    assert lines(noted) == ["inside orders-1: GET /: 812 ms; breaker open, exception Late: no answer"]


def test_the_answer_of_a_service_itself_and_other_requests_are_left_out():
    assert lines(replace(SPAN, kind="server"), replace(SPAN, request="hold-1")) == []


def test_a_red_verdict_shows_them_and_none_of_them_changes_it():
    bare, shown = told().verdict(statuses(200)), told(SPAN).verdict(statuses(200))
    assert "inside" not in bare.next
    assert shown.next.endswith("\n  inside orders-1: SELECT * FROM stock: 812 ms")
    assert replace(shown, next="") == replace(bare, next="")
