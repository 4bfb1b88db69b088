"""gRPC through the real sidecar, link and inlet: called and answered by grpcio, which knows nothing of any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from testbed.faults.operations import Rule, Scope, Toxic
from testbed.history.events import Arrival, Attempt, Call
from tests.kit.grpc_planes import Asked, Dialogue, Door, RpcApp, echo
from tests.kit.planes import Row, Stage, counters, stage, until_ejected
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e


ROW = Row()
RETRIES = {"attempts": 2, "perTryTimeout": "30s", "retryOn": ["unavailable", "reset"], "backoff": "5ms"}
RETRYING = ROW.callee(2, timeout="60s", retries=RETRIES)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("grpc") / "run"
    with stage(folder, echo, callees=ROW.callees, protocol="grpc", make=RpcApp) as made:
        yield made


@pytest.fixture
def started(row: Stage) -> Stage:
    """Two callees, retries by gRPC status."""
    return row.at(RETRYING)


@pytest.fixture
def one(row: Stage, request: pytest.FixtureRequest) -> Stage:
    """The callee that is under the policy of the test."""
    row.control.set([])
    return row.at(request.param)


def inlets(rpc: Stage) -> tuple[str, ...]:
    return tuple(link.inlet or "" for link in rpc.links)


def tagged(rpc: Stage) -> dict[str, str]:
    return {"baggage": f"tb.id={rpc.request}"}


def record(rpc: Stage) -> tuple[list[Attempt], list[Call], list[Arrival]]:
    seen = [event for event in rpc.seen() if event.request == rpc.request]
    kinds = (Attempt, Call, Arrival)
    return tuple([one for one in seen if isinstance(one, kind)] for kind in kinds)  # type: ignore[return-value]


def test_a_call_goes_through_with_its_metadata_and_is_on_record_with_its_status(rpc: Stage, door: Door) -> None:
    def with_trailers(asked: Asked) -> bytes:
        asked.context.set_trailing_metadata([("x-price", asked.metadata["x-item"])])
        return echo(asked)

    rpc.behave(with_trailers)
    ended = door.call(b"hi", x_item="42", **tagged(rpc))
    assert (ended.status, ended.message, ended.metadata["x-price"]) == ("OK", b"you said hi", "42")
    (attempt,), (call,), (arrival,) = record(rpc)
    assert [one.grpc_status for one in (attempt, call, arrival)] == [0, 0, 0]
    assert [one.status for one in (attempt, call, arrival)] == [200, 200, 200]
    assert arrival.path == "/shop.v1.Stock/Get"


def test_an_error_reaches_the_caller_as_grpc_has_it(rpc: Stage, door: Door) -> None:
    rpc.behave(lambda asked: asked.fail("NOT_FOUND", "no such item: 42%"))
    ended = door.call(**tagged(rpc))
    assert (ended.status, ended.details) == ("NOT_FOUND", "no such item: 42%")
    attempts, calls, arrivals = record(rpc)
    assert [one.grpc_status for one in (*attempts, *calls, *arrivals)] == [5, 5, 5]
    assert attempts[0].as_http == 404


def test_an_abort_is_answered_as_grpc_does_and_the_callee_never_sees_it(rpc: Stage, door: Door) -> None:
    before = sum(app.seen for app in rpc.apps.values())
    rpc.control.set([Rule("f1", inlets(rpc), grpc_status=9)])
    ended = door.call(**tagged(rpc))
    assert (ended.status, ended.message) == ("FAILED_PRECONDITION", b"")
    assert sum(app.seen for app in rpc.apps.values()) == before
    (attempt,), _, (arrival,) = record(rpc)
    assert (attempt.status, attempt.grpc_status) == (200, 9)
    assert (arrival.grpc_status, arrival.fault, arrival.flags, arrival.own) == (9, "f1", "FI", False)


def test_retries_go_by_the_grpc_status(rpc: Stage, door: Door) -> None:
    rpc.control.set([Rule("f1", inlets(rpc), grpc_status=14, scope=Scope(attempts=frozenset({1, 2})))])
    assert door.call(**tagged(rpc)).status == "OK"
    attempts, (call,), arrivals = record(rpc)
    assert sorted((one.number, one.grpc_status) for one in attempts) == [(1, 14), (2, 14), (3, 0)]
    assert sorted((one.attempt, one.grpc_status) for one in arrivals) == [(1, 14), (2, 14), (3, 0)]
    assert (call.attempts, call.grpc_status) == (3, 0)


def test_another_status_is_not_retried(rpc: Stage, door: Door) -> None:
    rpc.control.set([Rule("f1", inlets(rpc), grpc_status=13)])
    assert door.call(**tagged(rpc)).status == "INTERNAL"
    attempts, _, _ = record(rpc)
    assert len(attempts) == 1


def test_a_try_that_takes_too_long_is_given_up_and_repeated(rpc: Stage, door: Door) -> None:
    """And again, where the machine is so slow that the next takes too long as well."""
    rpc.control.set([Rule("f1", inlets(rpc), delay_ms=60_000, scope=Scope(attempts=frozenset({1})))])
    policy = {"x_envoy_upstream_rq_per_try_timeout_ms": "300", "x_envoy_max_retries": "50"}
    ended = door.call(**tagged(rpc), **policy)
    assert (ended.status, ended.ms >= 295) == ("OK", True)
    attempts, _, _ = record(rpc)
    *given_up, last = sorted((one.number, one.status) for one in attempts)
    assert {status for _, status in given_up} == {0}
    assert last == (len(attempts), 200)


@ROW.under(timeout="300ms")
def test_the_timeout_of_the_policy_is_unavailable_to_the_caller(one: Stage) -> None:
    one.control.set([Rule("f1", inlets(one), delay_ms=60_000)])
    with closing(Door(one.door)) as door:
        ended = door.call(**tagged(one))
    assert (ended.status, ended.details) == ("UNAVAILABLE", "upstream request timeout")
    assert ended.ms >= 285
    _, (call,), _ = record(one)
    assert (call.status, call.grpc_status) == (200, 14)
    assert "UT" in call.flags.split(",")


def test_a_delay_honours_the_callers_deadline(rpc: Stage, door: Door) -> None:
    """The inlet's record ends when the caller's time does, and so has the request: the callee never sees it."""
    before = sum(app.seen for app in rpc.apps.values())
    rpc.control.set([Rule("f1", inlets(rpc), delay_ms=60_000)])
    assert door.call(timeout_s=1, **tagged(rpc)).status == "DEADLINE_EXCEEDED"
    eventually(lambda: record(rpc)[2])
    _, _, (arrival,) = record(rpc)
    assert (arrival.status, arrival.fault, arrival.flags, arrival.own) == (0, "f1", "DI,DR", False)
    assert sum(app.seen for app in rpc.apps.values()) == before


def test_a_callee_whose_process_is_gone_is_unavailable(rpc: Stage, door: Door) -> None:
    for app in rpc.apps.values():
        app.close()
    try:
        ended = door.call(**tagged(rpc))
        assert ended.status == "UNAVAILABLE"
        attempts, _, _ = record(rpc)
        assert {(one.status, one.grpc_status) for one in attempts} == {(0, None)}
    finally:
        rpc.revive(echo)


def test_messages_of_a_stream_come_one_by_one(rpc: Stage, door: Door) -> None:
    """Each next message is sent only when the answer to the one before has come: nothing waits for the end."""
    told = Dialogue(door)
    for number in range(5):
        assert told.say(b"%d" % number)[0] == b"you said %d" % number
    assert told.hang_up() == "OK"


def test_a_stream_goes_through_a_slow_link_message_by_message(rpc: Stage, door: Door) -> None:
    toxics = [Toxic(link.name, "latency", "downstream", {"latency": 100}) for link in rpc.links]
    for toxic in toxics:
        rpc.toxi.apply(toxic)
    try:
        told = Dialogue(door)
        assert min(ms for _, ms in [told.say(b"%d" % number) for number in range(3)][1:]) >= 98
        assert told.hang_up() == "OK"
    finally:
        for toxic in toxics:
            rpc.toxi.undo(toxic)


@ROW.under(
    2,
    outlierDetection={
        "consecutive5xxErrors": 3,
        "interval": "100ms",
        "baseEjectionTime": "600s",
        "maxEjectionPercent": 100,
    },
)
def test_grpc_errors_eject_a_replica(one: Stage) -> None:
    one.app.handler = lambda asked: asked.fail("UNAVAILABLE")
    with closing(Door(one.door)) as door:
        for _ in range(12):
            door.call()
        until_ejected(one)
        assert {door.call().status for _ in range(6)} == {"OK"}


@ROW.under(circuitBreaker={"maxRequests": 1})
def test_a_limit_on_requests_answers_unavailable_by_itself(one: Stage) -> None:
    with closing(Door(one.door)) as door:
        told = Dialogue(door)
        told.say(b"first")
        ended = door.call(**tagged(one))
        assert told.hang_up() == "OK"
    assert ended.status == "UNAVAILABLE"
    assert counters(one, "rq_pending_overflow|rq_active_overflow")
    _, (call,), _ = record(one)
    assert (call.refused, call.attempts, call.grpc_status) == (True, 0, 14)
