"""gRPC through the real sidecar, link and inlet: called and answered by grpcio, which knows nothing of any of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from planes import Stage, counters, stage, until_ejected
from rpc_kit import Asked, Dialogue, Door, RpcApp, echo

from testbed.edge.operations import Rule, Scope, Toxic
from testbed.history import Arrival, Attempt, Call

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two callees, retries by gRPC status, ejection after three errors."""
    policy = {
        "timeout": "2s",
        "retries": {"attempts": 2, "perTryTimeout": "600ms", "retryOn": ["unavailable", "reset"], "backoff": "5ms"},
    }
    folder = tmp_path_factory.mktemp("grpc") / "run"
    with stage(folder, echo, replicas=2, policy=policy, protocol="grpc", make=RpcApp) as made:
        yield made


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
    rpc.control.set([Rule("f1", inlets(rpc), delay_ms=5_000, scope=Scope(attempts=frozenset({1})))])
    ended = door.call(**tagged(rpc))
    assert ended.status == "OK"
    assert ended.ms >= 595
    attempts, _, _ = record(rpc)
    assert sorted((one.number, one.status) for one in attempts) == [(1, 0), (2, 200)]


def test_the_timeout_of_the_policy_is_unavailable_to_the_caller(rpc: Stage, door: Door) -> None:
    rpc.control.set([Rule("f1", inlets(rpc), delay_ms=10_000)])
    ended = door.call(**tagged(rpc))
    assert (ended.status, ended.details) == ("UNAVAILABLE", "upstream request timeout")
    assert 1_790 <= ended.ms < 8_000
    _, (call,), _ = record(rpc)
    assert (call.status, call.grpc_status) == (200, 14)
    assert "UT" in call.flags.split(",")


def test_a_delay_honours_the_callers_deadline(rpc: Stage, door: Door) -> None:
    before = sum(app.seen for app in rpc.apps.values())
    rpc.control.set([Rule("f1", inlets(rpc), delay_ms=500)])
    ended = door.call(timeout_s=0.2, **tagged(rpc))
    assert ended.status == "DEADLINE_EXCEEDED"
    assert ended.ms < 480
    time.sleep(0.6)  # until the delay would have been over
    assert sum(app.seen for app in rpc.apps.values()) == before
    _, _, (arrival,) = record(rpc)
    assert (arrival.status, arrival.fault, arrival.flags, arrival.own) == (0, "f1", "DI,DR", False)


def test_a_callee_whose_process_is_gone_is_unavailable(rpc: Stage, door: Door) -> None:
    for name, app in rpc.apps.items():
        app.close()
        rpc.apps[name] = app
    try:
        ended = door.call(**tagged(rpc))
        assert ended.status == "UNAVAILABLE"
        attempts, _, _ = record(rpc)
        assert {(one.status, one.grpc_status) for one in attempts} == {(0, None)}
    finally:
        for callee in rpc.callees:
            rpc.apps[callee.name] = RpcApp(f"{callee.address}:8080", echo)


def test_messages_of_a_stream_come_one_by_one_and_in_time(rpc: Stage, door: Door) -> None:
    """Each next message is sent only when the answer to the one before has come: nothing waits for the end."""
    told = Dialogue(door)
    for number in range(5):
        answer, ms = told.say(b"%d" % number)
        assert answer == b"you said %d" % number
        assert ms < 1_500
    assert told.hang_up() == "OK"


def test_a_stream_goes_through_a_slow_link_message_by_message(rpc: Stage, door: Door) -> None:
    toxics = [Toxic(link.name, "latency", "downstream", {"latency": 100}) for link in rpc.links]
    for toxic in toxics:
        rpc.toxi.apply(toxic)
    try:
        told = Dialogue(door)
        for _, ms in [told.say(b"%d" % number) for number in range(3)][1:]:
            assert 98 <= ms < 1_500
        assert told.hang_up() == "OK"
    finally:
        for toxic in toxics:
            rpc.toxi.undo(toxic)


def test_grpc_errors_eject_a_replica(tmp_path_factory: pytest.TempPathFactory) -> None:
    outliers = {"consecutive5xxErrors": 3, "interval": "100ms", "baseEjectionTime": "30s", "maxEjectionPercent": 100}
    folder = tmp_path_factory.mktemp("ejecting") / "run"
    policy = {"outlierDetection": outliers}
    with stage(folder, echo, replicas=2, policy=policy, protocol="grpc", make=RpcApp) as made:
        made.apps["callee-1"].handler = lambda asked: asked.fail("UNAVAILABLE")
        door = Door(made.door)
        for _ in range(12):
            door.call()
        until_ejected(made)
        assert {door.call().status for _ in range(6)} == {"OK"}
        door.close()


def test_a_limit_on_requests_answers_unavailable_by_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("limited") / "run"
    policy = {"circuitBreaker": {"maxRequests": 1}}
    with stage(folder, echo, policy=policy, protocol="grpc", make=RpcApp) as made:
        door = Door(made.door)
        told = Dialogue(door)
        told.say(b"first")
        ended = door.call(baggage=f"tb.id={made.request}")
        assert told.hang_up() == "OK"
        assert ended.status == "UNAVAILABLE"
        assert counters(made, "rq_pending_overflow|rq_active_overflow")
        _, (call,), _ = record(made)
        assert (call.refused, call.attempts, call.grpc_status) == (True, 0, 14)
        door.close()
