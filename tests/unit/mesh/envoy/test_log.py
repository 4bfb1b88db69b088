import json

from testbed.history.events import Attempt, Call
from testbed.mesh.envoy.log import ProxyLog, parse
from testbed.plan.values import Link

LINKS = tuple(
    Link(f"a-1--b-{n}", "a-1", f"b-{n}", "a -> b", f"127.9.2.{n}:10001", f"127.9.2.{n}:20001", f"127.9.2.{n}:8080")
    for n in (1, 2)
)


def line(kind: str, start: float, end: float, *, connection: str = "7", **more: object) -> str:
    common = {
        "kind": kind,
        "caller": "a-1",
        "connection": connection,
        "baggage": "x=1,tb.id=r1-9,tb.user=u3",
        "service": "b",
        "start": f"{start:.6f}",
        "end": f"{end:.6f}",
        "status": 200,
        "flags": "-",
    }
    own = {"attempt": {"host": "127.9.2.1:10001", "number": "1"}, "call": {"host": "b", "attempts": 1}}[kind]
    return json.dumps(common | own | more)


def test_a_retried_call() -> None:
    lines = [
        line("attempt", 100.0, 100.25, status=0, flags="UT"),
        line("attempt", 100.5, 100.75, host="127.9.2.2:10001", number="2"),
        line("call", 100.0, 101.0, attempts=2),
    ]
    key = "a-1:7.1"
    assert parse(lines, LINKS).events == (
        Attempt("r1-9", "a -> b", "a-1", "b-1", 1, 100.0, 250.0, 0, "UT", "proxy", key, outcome="timeout"),
        Attempt("r1-9", "a -> b", "a-1", "b-2", 2, 100.5, 250.0, 200, "", "proxy", key),
        Call("r1-9", "a -> b", "a-1", 2, 100.0, 1000.0, 200, "", key),
    )


def test_calls_on_one_connection_have_different_keys_also_across_parts() -> None:
    log = ProxyLog(LINKS)
    first = log.read([line("attempt", 1, 2), line("call", 1, 2), line("attempt", 3, 4)])
    second = log.read([line("call", 3, 4), line("attempt", 5, 6, connection="8")])
    assert [event.call for event in first.events] == ["a-1:7.1", "a-1:7.1", "a-1:7.2"]  # type: ignore[union-attr]
    assert [event.call for event in second.events] == ["a-1:7.2", "a-1:8.1"]  # type: ignore[union-attr]


def test_a_try_that_is_written_after_its_cancelled_call_still_belongs_to_it() -> None:
    lines = [
        line("call", 10.0, 11.0, status=0, flags="DC"),
        line("attempt", 10.1, 11.1, status=0),
        line("attempt", 12.0, 12.5),
    ]
    call, late, next_ = parse(lines, LINKS).events
    assert isinstance(late, Attempt)
    assert call.call == late.call != next_.call  # type: ignore[union-attr]
    assert (late.status, late.flags) == (0, "DC")


def test_a_try_that_the_time_of_the_whole_call_ended_is_out_of_time() -> None:
    lines = [line("attempt", 10.0, 11.0, status=0), line("call", 10.0, 11.0, status=504, flags="UT")]
    attempt, call = parse(lines, LINKS).events
    assert (attempt.flags, call.flags) == ("UT", "UT")


def test_a_try_for_which_there_was_no_host_was_never_made() -> None:
    lines = [
        line("attempt", 1, 2, status=500),
        line("call", 1, 3, attempts=2, status=503, flags="UH"),
        line("call", 4, 5, attempts=1, status=503, flags="UH"),
    ]
    assert told(lines) == ([(1, "UH", True), (0, "UH", True)], 1)


def test_a_try_that_overflowed_was_never_made_whether_envoy_names_a_host_or_not() -> None:
    lines = [
        line("attempt", 1, 1, status=0, flags="UO", host=None),
        line("call", 1, 1, status=503, flags="UO"),
        line("attempt", 2, 3, status=503),
        line("attempt", 4, 4, status=0, flags="UO", number="2"),
        line("call", 2, 4, attempts=2, status=503, flags="UO"),
        line("attempt", 5, 6),
        line("call", 5, 6),
    ]
    assert told(lines) == ([(0, "UO", True), (1, "UO", True), (1, "", False)], 2)
    assert parse(lines, LINKS).ended == 3


def test_a_call_whose_retry_overflowed_has_the_callees_own_answer() -> None:
    lines = [line("attempt", 1, 2, status=503), line("call", 1, 2, status=503, flags="UO")]
    assert told(lines) == ([(1, "UO", False)], 1)


def test_what_got_no_answer_has_an_outcome_and_what_got_one_has_none() -> None:
    lines = [
        line("attempt", 1, 2, status=0, flags="UC"),
        line("attempt", 2, 3, status=503, number="2"),
        line("call", 1, 3, attempts=2, status=503, flags="UO"),  # the limit forbade only a third try
        line("call", 4, 5, attempts=1, status=503, flags="UH"),
    ]
    assert [event.outcome for event in parse(lines, LINKS).events] == ["reset", "", "", "no_healthy_upstream"]  # type: ignore[union-attr]


def told(lines: list[str]) -> tuple[list[tuple[int, str, bool]], int]:
    """What the calls say of themselves, and how many attempts there are."""
    events = parse(lines, LINKS).events
    calls = [(call.attempts, call.flags, call.refused) for call in events if isinstance(call, Call)]
    return calls, sum(isinstance(event, Attempt) for event in events)


def test_an_unknown_service_says_nothing_but_counts_as_ended() -> None:
    reading = parse([line("call", 1, 2, service=None, host="nope", status=404)], LINKS)
    assert (reading.events, reading.garbage, reading.ended) == ((), 0, 1)


def test_only_calls_end_a_request() -> None:
    assert parse([line("attempt", 1, 2), line("attempt", 3, 4), line("call", 1, 5)], LINKS).ended == 1


def test_a_lost_context_has_no_request() -> None:
    for baggage in (None, "", "tb.user=u1", "xtb.id=r1"):
        (attempt,) = parse([line("attempt", 1, 2, baggage=baggage)], LINKS).events
        assert attempt.request == ""


def test_garbage_is_counted_and_the_rest_is_read() -> None:
    good = line("attempt", 1, 2)
    reading = parse([good, good[: len(good) // 2], "", "[1]", "no", json.dumps({"kind": "attempt"}), good], LINKS)
    assert (len(reading.events), reading.garbage, reading.ended) == (2, 5, 0)


SHARED = tuple(
    Link(f"{service}@node-1--b-1", f"{service}@node-1", "b-1", f"{service} -> b", f"127.9.2.1:{port}", None, "x", names)
    for service, port, names in (("a", 10001, ("a-1", "a-3")), ("c", 10002, ("c-1",)))
)


def test_the_log_of_a_node_tells_its_callers_apart() -> None:
    lines = [
        line("attempt", 1, 2, caller="a-1", service="a.b", connection="1"),
        line("attempt", 1, 2, caller="c-1", service="c.b", connection="2", host="127.9.2.1:10002"),
        line("call", 1, 2, caller="c-1", service="c.b", connection="2"),
        line("call", 1, 2, caller="a-1", service="a.b", connection="1"),
        line("call", 1, 2, caller="a-3", service="a.b", connection="3"),
    ]
    events = parse(lines, SHARED).events
    assert [(e.caller, e.edge, e.call) for e in events] == [  # type: ignore[union-attr]
        ("a-1", "a -> b", "a-1:1.1"),
        ("c-1", "c -> b", "c-1:2.1"),
        ("c-1", "c -> b", "c-1:2.1"),
        ("a-1", "a -> b", "a-1:1.1"),
        ("a-3", "a -> b", "a-3:3.1"),
    ]
    assert [event.callee for event in events if isinstance(event, Attempt)] == ["b-1", "b-1"]


def test_a_second_life_has_call_keys_of_its_own() -> None:
    both = [line("attempt", 1, 2), line("call", 1, 2)]
    keys = {event.call for life in (1, 2) for event in ProxyLog(LINKS, life).read(both).events}  # type: ignore[union-attr]
    assert keys == {"a-1:7.1", "a-1:2/7.1"}


def test_an_answer_that_broke_off_is_told_for_attempt_and_call() -> None:
    after = "upstream_reset_after_response_started{protocol_error}"
    lines = [line("attempt", 1, 2, flags="UPE"), line("call", 1, 2, flags="UPE", details=after)]
    attempt, call = parse(lines, LINKS).events
    assert [(one.status, one.outcome, one.answered, one.ok) for one in (attempt, call)] == [
        (200, "broken_off", False, False)
    ] * 2


def test_a_call_that_its_own_app_left_has_no_whole_answer() -> None:
    (call,) = parse([line("call", 1, 2, flags="DC", details="downstream_remote_disconnect")], LINKS).events
    assert (call.outcome, call.ok, call.has_status(200)) == ("client_gone", False, False)


def test_a_call_under_way_has_the_name_that_it_has_at_its_end() -> None:
    log = ProxyLog(LINKS)
    under_way = [
        line("attempt", 100.0, 100.5, type="UpstreamPeriodic", status=0),
        line("call", 100.0, 100.5, type="DownstreamPeriodic", status=0),
    ]
    ends = [line("attempt", 100.0, 101.0, type="UpstreamEnd"), line("call", 100.0, 101.0, type="DownstreamEnd")]
    first, last = log.read(under_way), log.read(ends)
    assert [event.outcome for event in first.events] == ["in_flight", "in_flight"]
    assert {event.call for event in (*first.events, *last.events)} == {"a-1:7.1"}  # type: ignore[union-attr]
    assert (first.ended, last.ended) == (0, 1)


def test_a_call_that_the_proxy_does_not_accept_is_on_record_and_no_open_breaker() -> None:
    """A proxy that has no route yet knows the edge by the listener, or by the host that the app asks for."""
    rejected = {"attempts": 0, "service": None, "flags": "DPE", "details": "low_version", "status": 426}
    upgrade = {"attempts": 0, "details": "upgrade_failed", "status": 403}
    lines = [
        line("call", 1, 2, edge="a -> b", host="127.9.2.1:10001", **rejected),
        line("call", 3, 4, host="b:80", baggage=None, **rejected),
        line("call", 5, 6, **upgrade),
        line("call", 7, 8, host="elsewhere", **rejected),
        line("call", 9, 10, attempts=1, flags="UH", status=503),
    ]
    reading = parse(lines, LINKS)
    told = [(e.request, e.status, e.flags, e.attempts, e.refused, e.outcome) for e in reading.events]  # type: ignore[union-attr]
    assert told == [
        ("r1-9", 426, "low_version", 0, False, "rejected"),
        ("", 426, "low_version", 0, False, "rejected"),
        ("r1-9", 403, "upgrade_failed", 0, False, "rejected"),
        ("r1-9", 503, "UH", 0, True, "no_healthy_upstream"),
    ]
    assert (reading.garbage, reading.ended) == (0, 5)
