"""Streams through the real sidecar, link and inlet: of the server, of the client, of both, and long ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import grpc
import pytest

from testbed.faults.operations import Rule, Scope, Toxic
from testbed.history.events import Arrival, Attempt, Call
from tests.kit.grpc_planes import Asked, Dialogue, Door, RpcApp, echo
from tests.kit.planes import Row, Stage, stage
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

MESSAGES = 5
RETRIES = {"retries": {"attempts": 1, "retryOn": ["unavailable", "reset"], "backoff": "5ms"}}
EACH = [b"you said %d" % number for number in range(MESSAGES)]
Got = tuple[str, list[bytes]]  # the status of a stream, and the answers that had come


ROW = Row()
RETRYING = ROW.callee(**RETRIES)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("streams") / "run"
    with stage(folder, echo, callees=ROW.callees, protocol="grpc", make=RpcApp) as made:
        yield made


@pytest.fixture
def started(row: Stage) -> Stage:
    return row.at(RETRYING)


@pytest.fixture
def one(row: Stage, request: pytest.FixtureRequest) -> Stage:
    """The callee that is under the policy of the test."""
    return row.at(request.param)


def of_the_server(door: Door, rpc: Stage) -> Got:
    answers, came = door.list(MESSAGES, **tagged(rpc)), list[bytes]()
    with suppress(grpc.RpcError):
        came.extend(answers)
    return answers.code().name, came


def of_the_client(door: Door, rpc: Stage) -> Got:
    ended = door.fill((b"%d" % number for number in range(MESSAGES)), **tagged(rpc))
    return ended.status, [ended.message] if ended.message else []


def of_both(door: Door, rpc: Stage) -> Got:
    told, came = Dialogue(door, **tagged(rpc)), list[bytes]()
    with suppress(grpc.RpcError):
        for number in range(MESSAGES):
            came.append(told.say(b"%d" % number)[0])
    return told.hang_up(), came


WHOLE = {of_the_server: EACH, of_the_client: [b"you said 0,1,2,3,4"], of_both: EACH}
Kind = Callable[[Door, Stage], Got]
kinds = pytest.mark.parametrize("kind", WHOLE)


def tagged(rpc: Stage) -> dict[str, str]:
    return {"baggage": f"tb.id={rpc.request}"}


def hit(rpc: Stage, **what: object) -> None:
    inlets = tuple(link.inlet or "" for link in rpc.links)
    rpc.control.set([Rule("f1", inlets, **what)])  # type: ignore[arg-type]


@contextmanager
def toxic(rpc: Stage, kind: str, **attributes: int) -> Iterator[None]:
    one = Toxic(rpc.links[0].name, kind, "downstream", attributes)
    rpc.toxi.apply(one)
    try:
        yield
    finally:
        rpc.toxi.undo(one)


def record(rpc: Stage) -> tuple[list[Attempt], list[Call], list[Arrival]]:
    seen = [event for event in rpc.seen() if event.request == rpc.request]
    types = (Attempt, Call, Arrival)
    return tuple([one for one in seen if isinstance(one, type_)] for type_ in types)  # type: ignore[return-value]


def ended(rpc: Stage) -> tuple[list[Attempt], list[Call], list[Arrival]]:
    """The record, once the inlet has noticed the end as well."""
    eventually(lambda: record(rpc)[2])
    return record(rpc)


def timed(act: Callable[[], Got]) -> tuple[Got, float]:
    begun = time.monotonic()
    return act(), (time.monotonic() - begun) * 1000


@kinds
def test_a_stream_of_any_kind_is_one_call_on_record(rpc: Stage, door: Door, kind: Kind) -> None:
    assert kind(door, rpc) == ("OK", WHOLE[kind])
    (attempt,), (call,), (arrival,) = record(rpc)
    assert [one.grpc_status for one in (attempt, call, arrival)] == [0, 0, 0]


@kinds
def test_under_latency_every_message_comes_whole_and_in_order(rpc: Stage, door: Door, kind: Kind) -> None:
    with toxic(rpc, "latency", latency=80):
        got, ms = timed(lambda: kind(door, rpc))
    assert got == ("OK", WHOLE[kind])
    assert ms >= 79


@kinds
def test_a_delay_is_paid_when_the_stream_begins(rpc: Stage, door: Door, kind: Kind) -> None:
    hit(rpc, delay_ms=400)
    got, ms = timed(lambda: kind(door, rpc))
    assert got == ("OK", WHOLE[kind])
    assert ms >= 399
    _, _, (arrival,) = record(rpc)
    assert (arrival.fault, arrival.flags, arrival.grpc_status) == ("f1", "DI", 0)


def test_and_never_again(rpc: Stage, door: Door) -> None:
    hit(rpc, delay_ms=500)
    begun = time.monotonic()
    told = Dialogue(door, **tagged(rpc))  # the stream begins here, not when something is said
    told.say(b"0")
    assert time.monotonic() - begun >= 0.499
    eventually(lambda: told.say(b"1")[1] < 499)
    assert told.hang_up() == "OK"


@kinds
def test_an_abort_ends_a_stream_before_it_begins(rpc: Stage, door: Door, kind: Kind) -> None:
    before = sum(app.seen for app in rpc.apps.values())
    hit(rpc, grpc_status=9)
    assert kind(door, rpc) == ("FAILED_PRECONDITION", [])
    assert sum(app.seen for app in rpc.apps.values()) == before
    (attempt,), _, (arrival,) = record(rpc)
    assert (attempt.grpc_status, arrival.grpc_status, arrival.flags) == (9, 9, "FI")


@kinds
def test_a_stream_of_which_no_answer_has_come_is_tried_again(rpc: Stage, door: Door, kind: Kind) -> None:
    """Also one whose client still speaks: Envoy keeps what it has said."""
    hit(rpc, grpc_status=14, scope=Scope(attempts=frozenset({1})))
    assert kind(door, rpc) == ("OK", WHOLE[kind])
    attempts, (call,), _ = record(rpc)
    assert sorted((one.number, one.grpc_status) for one in attempts) == [(1, 14), (2, 0)]
    assert (call.attempts, call.grpc_status) == (2, 0)


def test_a_reset_in_the_middle_ends_the_stream_and_the_next_one_begins_anew(rpc: Stage, door: Door) -> None:
    told = Dialogue(door, **tagged(rpc))
    assert told.say(b"before")[0] == b"you said before"
    with toxic(rpc, "reset_peer", timeout=0):
        assert told.say_in_vain(b"after") == "INTERNAL"  # what grpcio makes of RST_STREAM
        (attempt,), (call,), (arrival,) = ended(rpc)
    assert (attempt.number, call.attempts) == (1, 1)  # an answer that has begun cannot be tried again
    assert "UC" in attempt.flags + call.flags
    assert arrival.flags
    rpc.forget()
    assert of_both(door, rpc) == ("OK", EACH)


def test_a_callee_that_breaks_off_in_the_middle(rpc: Stage, door: Door) -> None:
    rpc.behave(lambda asked: asked.fail("DATA_LOSS", "half of it") if asked.message == b"3" else echo(asked))
    assert of_both(door, rpc) == ("DATA_LOSS", EACH[:3])
    (attempt,), (call,), (arrival,) = record(rpc)
    assert [one.grpc_status for one in (attempt, call, arrival)] == [15, 15, 15]


def test_a_throttled_stream_trickles(rpc: Stage, door: Door) -> None:
    rpc.behave(lambda asked: b"x" * 4096)
    hit(rpc, kb_per_s=20)

    def trickles() -> bool:
        """Whether the messages were seen to come apart: a reader whom the machine keeps waiting sees many at once."""
        rpc.forget()
        begun = time.monotonic()
        times = [time.monotonic() - begun for _ in door.list(MESSAGES, **tagged(rpc))]
        assert len(times) == MESSAGES
        assert times[-1] >= 0.75  # 20 KiB at 20 KiB/s, less what Envoy lets through at once
        return times[-1] - times[0] >= 0.5

    eventually(trickles)
    _, _, (arrival,) = record(rpc)
    assert (arrival.fault, arrival.grpc_status) == ("f1", 0)


def test_a_stream_on_a_narrow_link_trickles_as_well(rpc: Stage, door: Door) -> None:
    rpc.behave(lambda asked: b"x" * 4096)
    with toxic(rpc, "bandwidth", rate=20):
        (status, came), ms = timed(lambda: of_the_server(door, rpc))
    assert (status, len(came)) == ("OK", MESSAGES)
    assert ms >= 500


def test_a_long_stream_is_in_nobodys_way_and_on_record_when_it_ends(rpc: Stage, door: Door) -> None:
    begun = time.monotonic()
    long = Dialogue(door, **tagged(rpc))
    with closing(Door(rpc.door)) as other:
        for number in range(4):
            assert long.say(b"%d" % number)[0] == b"you said %d" % number
            assert other.call(b"x").status == "OK"
            time.sleep(0.2)
    assert rpc.recorder is not None
    so_far = [one for one in rpc.recorder.collect(in_flight=True) if getattr(one, "request", "") == rpc.request]
    assert {one.outcome for one in so_far} <= {"in_flight"}
    assert long.hang_up() == "OK"
    found = [one for (one,) in record(rpc)]
    lasted = (time.monotonic() - begun) * 1000
    assert [one.grpc_status for one in found] == [0, 0, 0]
    assert all(780 <= one.duration_ms <= lasted for one in found)


def slow(asked: Asked) -> bytes:
    time.sleep(0.4)
    return echo(asked)


@ROW.under(timeout="1s")
def test_the_time_of_a_policy_begins_when_the_client_has_said_all(one: Stage) -> None:
    one.behave(slow)
    with closing(Door(one.door)) as door:
        told = Dialogue(door)
        assert [told.say(EACH[number])[0] for number in range(3)] == [b"you said " + text for text in EACH[:3]]
        assert told.hang_up() == "OK"
        begun, answers = time.monotonic(), door.list(1000, **tagged(one))
        with pytest.raises(grpc.RpcError):
            list(answers)
        assert time.monotonic() - begun >= 0.99
    _, (call,), _ = record(one)
    assert "UT" in call.flags.split(",")


def test_a_client_that_hangs_up_in_the_middle(rpc: Stage, door: Door) -> None:
    rpc.behave(slow)
    before = sum(app.seen for app in rpc.apps.values())
    answers = door.list(1000, **tagged(rpc))
    assert next(answers) == EACH[0]
    answers.cancel()
    _, (call,), (arrival,) = ended(rpc)
    assert ("DR" in arrival.flags, "DR" in call.flags) == (True, True)
    assert sum(app.seen for app in rpc.apps.values()) - before < 500
