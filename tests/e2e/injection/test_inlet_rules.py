"""Request faults at the real inlet: who is hit, with what, and what is written about it."""

from __future__ import annotations

import http.client
import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testbed.errors import FaultError, TestbedError
from testbed.faults.chance import unit
from testbed.faults.operations import Rule, Scope
from testbed.history.events import Arrival
from testbed.injection.inlet.control import InletControl
from tests.kit.plane_apps import hello
from tests.kit.planes import EDGE, Got, Stage, ask, stage

pytestmark = pytest.mark.e2e

_unique = itertools.count()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("rules") / "run", replicas=2) as made:
        yield made


@pytest.fixture
def inlet(started: Stage) -> Stage:
    """The stage without any rule."""
    started.control.set([])
    started.behave(hello)
    return started


def address(inlet: Stage, number: int = 1) -> str:
    return inlet.links[number - 1].inlet or ""


def send(inlet: Stage, number: int = 1, path: str = "/", **headers: str) -> Got:
    """Straight to one inlet address, as a caller without a proxy would."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(address(inlet, number), path, "GET", None, named)


def new_id() -> str:
    return f"q{next(_unique)}"


def arrivals(inlet: Stage, *ids: str) -> list[Arrival]:
    return [event for event in inlet.seen() if isinstance(event, Arrival) and event.request in ids]


def test_an_abort_is_answered_in_the_apps_place(inlet: Stage) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), abort=418)])
    seen, name = inlet.apps["callee-1"].seen, new_id()
    assert send(inlet, baggage=f"tb.id={name}").status == 418
    assert inlet.apps["callee-1"].seen == seen
    (arrival,) = arrivals(inlet, name)
    assert (arrival.status, arrival.fault, arrival.flags, arrival.own) == (418, "f1", "FI", False)


def test_only_the_named_inlets_are_hit(inlet: Stage) -> None:
    inlet.control.set([Rule("f1", (address(inlet, 1),), abort=503)])
    assert [send(inlet, number).status for number in (1, 2)] == [503, 200]


def test_a_delay_comes_before_the_app_sees_it(inlet: Stage) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), delay_ms=200)])
    name = new_id()
    got = send(inlet, baggage=f"tb.id={name}")
    assert got.status == 200
    assert got.ms >= 185  # Envoy counts from the start of its event loop turn
    (arrival,) = arrivals(inlet, name)
    assert (arrival.fault, arrival.flags) == ("f1", "DI")
    assert arrival.duration_ms >= 185


def test_delays_add_up_and_the_first_abort_is_the_answer(inlet: Stage) -> None:
    here = (address(inlet),)
    rules = [Rule("f1", here, delay_ms=100), Rule("f2", here, abort=500, delay_ms=100), Rule("f3", here, abort=501)]
    inlet.control.set(rules)
    name = new_id()
    got = send(inlet, baggage=f"tb.id={name}")
    assert (got.status, got.ms >= 185) == (500, True)
    assert arrivals(inlet, name)[0].fault == "f1,f2,f3"


def test_the_next_request_meets_the_new_rules(inlet: Stage) -> None:
    for _ in range(20):
        inlet.control.set([Rule("f1", (address(inlet),), abort=503)])
        assert send(inlet).status == 503
        inlet.control.set([])
        assert send(inlet).status == 200


def test_a_fault_header_of_the_callers_does_nothing(inlet: Stage) -> None:
    inlet.behave(lambda talk: talk.answer(200, b"x" * 100_000))
    headers = {"x_envoy_fault_abort_request": "503", "x_envoy_fault_delay_request": "90000"}
    got = send(inlet, **headers, x_envoy_fault_throughput_response="1")
    assert got.status == 200
    assert got.ms < 60_000  # any of them would take a minute and a half


def test_the_app_sees_nothing_of_a_fault(inlet: Stage) -> None:
    heads: list[bytes] = []
    inlet.behave(lambda talk: (heads.append(talk.head), talk.answer())[0])
    inlet.control.set([Rule("f1", (address(inlet),), delay_ms=1)])
    assert send(inlet).status == 200
    assert b"x-envoy" not in heads[0].lower()
    assert b"x-testbed" not in heads[0].lower()


# -- scopes


@pytest.mark.parametrize(
    ("scope", "hit", "missed"),
    [
        pytest.param(Scope(users=frozenset({"u1", "u2"})), "tb.user=u2", "tb.user=u22", id="one of two users"),
        pytest.param(Scope(users=frozenset({"u1"})), "x=1, tb.id=a ,tb.user=u1", "tb.id=u1", id="spaces"),
        pytest.param(Scope(users=frozenset({"u1"})), "tb.user = u1;ttl=5,z=9", "", id="properties"),
        pytest.param(Scope(cohort="oslo"), "tb.id=a,tb.cohort=oslo", "tb.id=a,tb.cohort=bergen", id="cohort"),
        pytest.param(Scope(cohort="oslo"), "tb.cohort=oslo", "tb.user=oslo", id="a user called as the cohort"),
        pytest.param(Scope(frozenset({"u"}), "c"), "tb.user=u,tb.cohort=c", "tb.user=u,tb.cohort=d", id="both"),
    ],
)
def test_users_and_cohorts(inlet: Stage, scope: Scope, hit: str, missed: str) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), abort=503, scope=scope)])
    assert send(inlet, baggage=hit).status == 503
    assert send(inlet, baggage=missed).status == 200


def test_nobody_is_hit_by_an_empty_set_of_users(inlet: Stage) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), abort=503, scope=Scope(users=frozenset()))])
    assert send(inlet, baggage="tb.user=u1").status == 200


def test_baggage_in_several_headers_is_one_baggage(inlet: Stage) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), abort=503, scope=Scope(users=frozenset({"u1"})))])
    connection = http.client.HTTPConnection(address(inlet), timeout=60)
    connection.putrequest("GET", "/")
    connection.putheader("baggage", "other=1")
    connection.putheader("baggage", "tb.user=u1")
    connection.endheaders()
    assert connection.getresponse().status == 503
    connection.close()


def test_attempts_are_those_of_the_header(inlet: Stage) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), abort=503, scope=Scope(attempts=frozenset({1, 3})))])
    name = new_id()
    statuses = [send(inlet, baggage=f"tb.id={name}", x_envoy_attempt_count=str(n)).status for n in (1, 2, 3, 12)]
    assert statuses == [503, 200, 503, 200]
    assert [arrival.attempt for arrival in arrivals(inlet, name)] == [1, 2, 3, 12]


def test_attempts_are_counted_where_no_header_tells_them_whichever_replica_they_reach(inlet: Stage) -> None:
    both = (address(inlet, 1), address(inlet, 2))
    inlet.control.set([Rule("f1", both, abort=503, scope=Scope(attempts=frozenset({2})))])
    name, other = new_id(), new_id()
    assert send(inlet, 1, baggage=f"tb.id={name}").status == 200
    assert send(inlet, 1, baggage=f"tb.id={other}").status == 200
    assert send(inlet, 1, "/elsewhere", baggage=f"tb.id={name}").status == 200
    assert send(inlet, 2, baggage=f"tb.id={name}").status == 503
    assert send(inlet, 1, baggage=f"tb.id={name}").status == 200
    assert [arrival.attempt for arrival in arrivals(inlet, name)] == [1, 1, 2, 3]


def talk(inlet: Stage, requests: list[bytes], width: int = 50) -> int:
    """Send many requests, some at a time, each on one of so many connections; return how many 503 came."""
    ip, _, port = address(inlet).rpartition(":")
    with ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection((ip, int(port)), timeout=60)) for _ in range(width)]
        got = b""
        for begin in range(0, len(requests), width):
            asked = list(zip(many, requests[begin : begin + width], strict=False))
            for connection, request in asked:
                connection.sendall(request)
            got += b"".join(connection.recv(65536) for connection, _ in asked)
    return got.count(b"HTTP/1.1 503 ")


def test_many_calls_do_not_make_the_counters_forget_one_in_flight(inlet: Stage) -> None:
    """More calls than one generation holds (20,000) come between two attempts of one call."""
    name = new_id()
    send(inlet, baggage=f"tb.id={name}")
    inlet.control.set([Rule("f1", (address(inlet),), abort=503)])  # the app need not answer them all
    head = f"GET / HTTP/1.1\r\nHost: callee\r\nbaggage: tb.id={name}x"
    many = [f"{head}{number}\r\n\r\n".encode() for number in range(20_500)]
    assert talk(inlet, many) == len(many)
    inlet.control.set([Rule("f1", (address(inlet),), abort=418, scope=Scope(attempts=frozenset({2})))])
    assert send(inlet, baggage=f"tb.id={name}").status == 418


# -- draws


def test_the_inlets_draw_is_pythons_for_hundreds_of_ids(inlet: Stage) -> None:
    """For each id the share is set just above and just below Python's own draw; the inlet must see the difference."""
    seed = 4711
    for number in range(300):
        name = f"r{number}.{new_id()}"
        draws = [unit(f"{seed}|{name}|{EDGE}|1"), unit(f"{seed}|{name}|{EDGE}|1|2")]  # of its first and second call
        shares = [(1, draws[0] + 2**-33), (2, draws[1])]  # at one inlet each
        inlet.control.set(
            Rule("f1", (address(inlet, at),), abort=503, scope=Scope(requests=share, seed=seed)) for at, share in shares
        )
        told = {"baggage": f"tb.id={name}", "x_envoy_attempt_count": "1"}
        assert [send(inlet, at, **told).status for at, _ in shares] == [503, 200], name


def test_a_share_is_drawn_anew_for_every_attempt_and_request(inlet: Stage) -> None:
    rule = Rule("f1", (address(inlet),), abort=503, scope=Scope(requests=0.3, seed=99))
    inlet.control.set([rule])
    tries = [(f"s{n}", attempt) for n in range(150) for attempt in (1, 2)]
    hit = [send(inlet, baggage=f"tb.id={n}", x_envoy_attempt_count=str(a)).status == 503 for n, a in tries]
    assert hit == [unit(f"99|{n}|{EDGE}|{a}") < 0.3 for n, a in tries]
    assert 0.2 < sum(hit) / len(hit) < 0.4


def test_the_calls_of_one_request_on_one_edge_are_drawn_one_by_one_and_attempt_by_attempt(inlet: Stage) -> None:
    """Each call has two attempts here. Two rules meet the same call, which is still one call."""
    seeds, names = (7, 8), [new_id() for _ in range(60)]
    inlet.control.set(
        Rule(f"f{seed}", (address(inlet),), abort=503, scope=Scope(requests=0.3, seed=seed)) for seed in seeds
    )
    tries = [(name, attempt, call) for name in names for call in ("", "|2", "|3") for attempt in (1, 2)]
    hit = [send(inlet, baggage=f"tb.id={n}", x_envoy_attempt_count=str(a)).status == 503 for n, a, _ in tries]
    assert hit == [any(unit(f"{seed}|{n}|{EDGE}|{a}{call}") < 0.3 for seed in seeds) for n, a, call in tries]
    seen = dict(zip(tries, hit, strict=True))
    assert any(seen[name, 1, ""] != seen[name, 1, "|2"] for name in names)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_and_all_are_exact(inlet: Stage, share: float) -> None:
    inlet.control.set([Rule("f1", (address(inlet),), abort=503, scope=Scope(requests=share))])
    assert {send(inlet, baggage=f"tb.id={new_id()}").status for _ in range(30)} == {503 if share else 200}


# -- control


def test_rules_are_read_back(inlet: Stage) -> None:
    scope = Scope(frozenset({"b", "a"}), "c", 1 / 3, frozenset({10, 9, 1}), seed=2**63)
    rules = (Rule("f1", (address(inlet),), 503, 1500.0, scope, 7), Rule("f2", (address(inlet, 2),), delay_ms=36e5))
    inlet.control.set(rules)
    assert inlet.rules() == rules
    inlet.control.set([])
    assert inlet.rules() == ()


def test_an_unknown_inlet_is_refused_and_the_old_rules_stay(inlet: Stage) -> None:
    old = Rule("f1", (address(inlet),), abort=503)
    inlet.control.set([old])
    with pytest.raises(TestbedError, match=r"no such inlet: 127\.1\.1\.1:20001"):
        inlet.control.set([Rule("f2", ("127.1.1.1:20001",), abort=500)])
    assert inlet.rules() == (old,)


def test_a_rule_that_makes_no_sense_is_never_sent(inlet: Stage) -> None:
    with pytest.raises(FaultError, match="200 to 599"):
        InletControl("127.0.0.1:1", inlet.directory).set([Rule("f1", (address(inlet),), abort=42)])


def test_nobody_there_is_said_plainly(inlet: Stage) -> None:
    with pytest.raises(TestbedError, match=r"127\.0\.0\.1:1 does not accept rules"):
        InletControl("127.0.0.1:1", inlet.directory).set([])


def test_an_inlet_that_does_not_answer_is_given_up_in_time(inlet: Stage) -> None:
    inlet.runtime.pause("inlet")
    try:
        begun = time.monotonic()
        with pytest.raises(TestbedError, match="does not accept rules"):
            InletControl(inlet.plan.inlet_control, inlet.directory, timeout_s=0.3).set([])
        assert time.monotonic() - begun >= 0.3
    finally:
        inlet.runtime.resume("inlet")


def test_ten_thousand_users_fit(inlet: Stage) -> None:
    users = frozenset(f"user-{n}" for n in range(10_000))
    inlet.control.set([Rule("f1", (address(inlet),), abort=503, scope=Scope(users=users))])
    assert send(inlet, baggage="tb.user=user-9999").status == 503
    assert send(inlet, baggage="tb.user=user-10000").status == 200
