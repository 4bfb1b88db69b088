"""The table of docs/faults.md, measured: what a fault does to existing, new and pooled connections, and its healing.

Existing and new connections are plain TCP ones through the link, as of a caller without a proxy; pooled ones are those
of the caller's real Envoy, which does not retry and, where no answer is to come, gives up after half a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from testbed import (
    Testbed,
    abort,
    bandwidth,
    connection_refused,
    connection_reset,
    constant_rate,
    cpu_limit,
    crash_loop,
    delay,
    get,
    graceful_restart,
    hang,
    kill,
    latency,
    limit_data,
    memory_limit,
    node_failure,
    outage,
    pause,
    restart,
    slicer,
    slow_close,
    slow_start,
    stall,
    statuses,
    throttle,
    unreachable,
)
from testbed.injection.injection import Injection
from testbed.injection.inlet.log import counts
from tests.kit.peers import PATIENCE_S, Saw, Wire, connected, connecting, door, fresh, link
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

EDGE = "front -> back"
BODY = 200_000  # of the answer to /big, as the topology has it
SYN_AGAIN_S = 0.98  # a second, less what the clocks may differ
HASTE = "x-envoy-upstream-rq-timeout-ms: 500"  # the sidecar's time-out for this request: as if a policy had it
GIVES_UP_MS = 485  # Envoy counts from the start of its event loop turn
CLOSES_LATE_MS = 985  # a second later, as Envoy does


@dataclass(frozen=True)
class Is:
    """What must have been seen: the words of `Saw`, the status, and at least so long."""

    what: str = "answer"
    status: int = 0
    least_ms: float = 0
    size: int = 0  # exactly, where it matters

    def like(self, saw: Saw) -> bool:
        same = (saw.status, self.size or saw.size) == (self.status, saw.size)
        return same and saw.what in self.what.split(" or ") and saw.ms >= self.least_ms


OK = Is(status=200)
END, RESET, REFUSED, NOTHING = Is("end"), Is("reset"), Is("refused"), Is("nothing")
TIME_OUT = Is(status=504, least_ms=GIVES_UP_MS)


def after(ms: float) -> Is:
    return Is(status=200, least_ms=ms)


@dataclass(frozen=True)
class Row:
    """One line of the table; `rest` is what an existing connection that was idle meanwhile sees after healing."""

    name: str
    existing: Is
    new: Is
    pooled: Is
    rest: Is = OK
    under_way: Is | None = None  # a request that is under way when the fault is healed; None: there can be none


ROWS = {
    latency(ms=200): Row("latency", after(200), after(200), after(200), under_way=OK),
    connection_refused(): Row("connection_refused", END, REFUSED, Is(status=503), rest=END),
    unreachable(): Row("unreachable", END, Is("no connection"), TIME_OUT, rest=END),
    stall(): Row("stall", NOTHING, NOTHING, TIME_OUT, rest=END, under_way=END),
    stall(direction="answers"): Row("stall answers", NOTHING, NOTHING, TIME_OUT, rest=END, under_way=END),
    connection_reset(): Row("connection_reset", END, RESET, Is(status=503), under_way=END),
    bandwidth(kb_per_s=400): Row("bandwidth", after(480), after(480), after(480), under_way=OK),
    slicer(bytes=2000, pause_ms=2): Row("slicer", after(190), after(190), after(190), under_way=OK),
    limit_data(bytes=50_000): Row(
        "limit_data in the body",
        Is("cut", 200, size=50_000),
        Is("cut", 200, size=50_000),
        Is("cut", 200, least_ms=CLOSES_LATE_MS),
        under_way=Is("cut", 200, size=50_000),
    ),
    limit_data(bytes=50): Row(
        "limit_data in the head", Is("cut", 200), Is("cut", 200), Is(status=502), under_way=Is("cut", 200)
    ),
    limit_data(bytes=0): Row("limit_data to nothing", END, END, Is(status=503), under_way=END),
    delay(ms=200): Row("delay", after(185), after(185), after(185), under_way=after(185)),
    abort(503): Row("abort", Is(status=503), Is(status=503), Is(status=503), under_way=Is(status=503)),
    throttle(kb_per_s=400): Row("throttle", after(400), after(400), after(400), under_way=after(400)),
    hang(): Row("hang", NOTHING, NOTHING, TIME_OUT, under_way=NOTHING),
    kill(): Row("kill", END, REFUSED, Is(status=503), rest=END),
    node_failure(): Row("node_failure", NOTHING, NOTHING, TIME_OUT, rest=END, under_way=END),
    pause(): Row("pause", NOTHING, NOTHING, TIME_OUT, under_way=after(90)),
    cpu_limit(share=0.2): Row("cpu_limit", OK, OK, OK, under_way=OK),
    slow_start(takes_s=60): Row("slow_start", END, REFUSED, Is(status=503), rest=END),
    crash_loop(up_s=60, down_s=60): Row("crash_loop", END, REFUSED, Is(status=503), rest=END),
}
every = pytest.mark.parametrize(("fault", "row"), ROWS.items(), ids=[row.name for row in ROWS.values()])


def aimed(fault):
    return fault.on(replica="back-1") if fault.plane == "process" else fault.on(EDGE)


def patience(expected: Is) -> float:
    """Where nothing comes it need not be waited for long; anything else has its time on a busy machine."""
    return 0.7 if expected.what in ("nothing", "no connection") else PATIENCE_S


@contextmanager
def warm(pair: Testbed, patience_s: float = PATIENCE_S) -> Iterator[Wire]:
    """A connection that has carried one request."""
    with Wire(link(pair), patience_s) as wire:
        assert wire.ask().what == "answer"
        yield wire


@contextmanager
def injected(pair: Testbed, fault) -> Iterator[Injection]:
    """The fault in force, with a warm pool in the sidecar."""
    assert OK.like(fresh(door(pair)))
    with pair.inject(aimed(fault)) as injection:
        yield injection


def check(expected: Is, saw: Saw, who: str = "") -> None:
    assert expected.like(saw), f"{who}: {saw} is not {expected}"


@every
def test_existing_new_and_pooled_connections_and_what_healing_does_to_them(pair: Testbed, fault, row: Row) -> None:
    """The three are tried at the same time, then a request that is under way when the fault is healed."""
    with warm(pair) as idle, warm(pair, patience(row.under_way or OK)) as held, warm(pair) as existing:
        existing.patience_s = patience(row.existing)
        with injected(pair, fault) as injection:
            try_all(pair, row, existing)
            if row.under_way is not None:
                send_one(pair, row, held)
            injection.heal()
            if row.under_way is not None:
                check(row.under_way, held.read(), "one under way")
            assert fresh(door(pair)).status in (200, 503)  # of a pool: it may meet a connection that was just closed
            check(OK, fresh(door(pair)), "pooled, healed")
            check(OK, fresh(link(pair)), "new, healed")
            check(row.rest, idle.ask(), "idle meanwhile")


def try_all(pair: Testbed, row: Row, existing: Wire) -> None:
    with ThreadPoolExecutor(3) as pool:
        old = pool.submit(existing.ask, "/big")
        new = pool.submit(fresh, link(pair), "/big", patience_s=patience(row.new))
        pooled = pool.submit(try_pooled, pair, *([HASTE] if row.pooled == TIME_OUT else []))
    check(row.existing, old.result(), "existing")
    check(row.new, new.result(), "new")
    for saw in pooled.result():
        check(row.pooled, saw, "pooled")
    existing.close()


def try_pooled(pair: Testbed, *headers: str) -> list[Saw]:
    """What the connection that was in the pool sees, and what comes after it."""
    return [fresh(door(pair), "/big", *headers) for _ in range(2)]


def send_one(pair: Testbed, row: Row, wire: Wire) -> None:
    """Send a request, and wait until it is in the inlet's hand, or answered, unless the link swallows it."""
    eventually(lambda: not in_hand(pair))
    wire.send("/big")
    if (row.existing, row.under_way) != (NOTHING, END):
        eventually(lambda: in_hand(pair) or wire.has_something())
    time.sleep(0.1)


def in_hand(pair: Testbed) -> int:
    return counts(pair.plan.inlet_admin).active


# -- what does not fit into a row


def test_slow_close_is_met_by_those_who_wait_for_the_end_and_by_nobody_else(pair: Testbed) -> None:
    with warm(pair) as ended, injected(pair, slow_close(ms=300)):
        check(OK, ended.ask("/", "Connection: close"))
        check(Is("end", least_ms=295), ended.end())
    with warm(pair) as kept, injected(pair, slow_close(ms=2 * 1000 * PATIENCE_S)):
        check(OK, kept.ask("/big"))
        check(OK, fresh(link(pair), "/big"))
        check(OK, fresh(door(pair), "/big"))


def test_an_end_that_is_held_back_comes_when_it_is_healed(pair: Testbed) -> None:
    with warm(pair) as wire, injected(pair, slow_close(ms=2 * 1000 * PATIENCE_S)) as injection:
        check(OK, wire.ask("/", "Connection: close"))
        injection.heal()
        check(END, wire.end())


def test_a_restart_ends_what_exists_and_is_over_for_what_is_new(pair: Testbed) -> None:
    with warm(pair) as wire, injected(pair, restart()):
        check(END, wire.ask())
        check(OK, fresh(link(pair)))
        assert fresh(door(pair)).status in (200, 503)
        check(OK, fresh(door(pair)))


def test_a_graceful_restart_ends_what_is_idle_and_is_over_for_what_is_new(pair: Testbed) -> None:
    """What is in hand is answered first: tests/e2e/faults/test_graceful_ends.py."""
    with warm(pair) as wire, injected(pair, graceful_restart()):
        check(END, wire.ask())
        check(OK, fresh(link(pair)))
        assert fresh(door(pair)).status in (200, 503)
        check(OK, fresh(door(pair)))


@pytest.mark.needs("memory")
def test_a_limit_of_memory_ends_what_exists_and_an_app_within_it_answers_what_is_new(pair: Testbed) -> None:
    with warm(pair) as wire, injected(pair, memory_limit(mb=64)):
        check(END, wire.ask())
        check(OK, fresh(link(pair), "/big"))
        assert fresh(door(pair)).status in (200, 503)
        check(OK, fresh(door(pair), "/big"))


def test_who_waits_for_an_unreachable_host_gets_through_when_tcp_asks_again(pair: Testbed) -> None:
    """The SYN is sent again a second after the first (RFC 6298)."""
    with injected(pair, unreachable()) as injection:
        begun = time.perf_counter()
        waiting = connecting(link(pair))
        time.sleep(0.2)
        injection.heal()
        assert connected(waiting, within_s=PATIENCE_S)
        assert time.perf_counter() - begun >= SYN_AGAIN_S
        waiting.close()


def test_who_gives_up_on_a_request_that_hangs_is_seen_by_the_inlet(pair: Testbed) -> None:
    with pair.override_policies({EDGE: {"timeout": "1500ms"}}):
        run = pair.experiment(
            hang().on(EDGE).for_cohort("oslo"),
            load=constant_rate(get("/"), rps=60, cohorts={"oslo": "50%"}),
            warmup_s=0.2,
            baseline_s=0.3,
            hold_s=0.5,
            recover_s=0.3,
        )
    hit = [one for one in run.history.index.arrivals.all if one.fault]
    assert {(one.status, one.flags, one.own) for one in hit} == {(0, "DI,DC", False)}
    gave_up = [one for one in run.history.index.attempts.all if one.request in {each.request for each in hit}]
    assert len(gave_up) == len(hit)
    assert all(one.duration_ms >= 1485 for one in gave_up)
    assert all(one.duration_ms >= 750 for one in hit)  # the inlet's clock begins later than the caller's
    run.check(affected=[statuses(503)], unaffected=[statuses(200)])


def test_a_throttled_cohort_waits_and_nobody_else(pair: Testbed) -> None:
    oslo, bergen = "baggage: tb.cohort=oslo", "baggage: tb.cohort=bergen"
    with injected(pair, throttle(kb_per_s=400).for_cohort("oslo")):
        slow = fresh(door(pair), "/big", oslo)
        check(after(400), slow)
        assert slow.ms - slow.head_ms >= 350  # it is the body that takes so long
    with injected(pair, throttle(kb_per_s=1).for_cohort("oslo")):
        check(OK, fresh(door(pair), "/big", bergen, patience_s=100))


def test_bandwidth_and_throttle_leave_a_small_answer_alone(pair: Testbed) -> None:
    """At this rate a large one would take minutes."""
    for fault in (bandwidth(kb_per_s=1), throttle(kb_per_s=1)):
        with injected(pair, fault):
            check(OK, fresh(door(pair)))


def test_several_small_answers_pass_before_a_connection_has_carried_its_bytes(pair: Testbed) -> None:
    with warm(pair) as wire, injected(pair, limit_data(bytes=1000)):
        seen = [wire.ask() for _ in range(5)]
    sizes = [saw.size for saw in seen]
    assert [saw.what for saw in seen][:3] == ["answer"] * 3
    assert "cut" in [saw.what for saw in seen]
    assert sum(sizes) == 1000  # what was there before the fault does not count


def test_slices_are_small_and_no_byte_is_lost(pair: Testbed) -> None:
    with warm(pair) as wire:
        plain = wire.ask("/big")
        with injected(pair, slicer(bytes=2000, pause_ms=2)):
            cut = wire.ask("/big")
    assert cut.size == plain.size
    assert cut.pieces > 4 * plain.pieces


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (latency(ms=200, direction="requests"), after(200)),
        (bandwidth(kb_per_s=400, direction="requests"), after(480)),
        (slicer(bytes=2000, pause_ms=2, direction="requests"), after(190)),
        (limit_data(bytes=50_000, direction="requests"), Is("end or reset")),  # RST to what is still being sent
        (slow_close(ms=200, direction="requests"), OK),
    ],
)
def test_requests_instead_of_answers(pair: Testbed, fault, expected: Is) -> None:
    with warm(pair) as wire, injected(pair, fault):
        check(expected, wire.ask(body=b"x" * BODY))


def test_the_callee_learns_late_that_its_caller_has_gone(pair: Testbed) -> None:
    """The inlet stands for the callee: a request that hangs is in its hand until it learns that the caller has left."""
    with pair.inject(hang().on(EDGE), slow_close(ms=400, direction="requests").on(EDGE)):
        with Wire(link(pair), 0.1) as wire:
            check(NOTHING, wire.ask())
        begun = time.perf_counter()
        assert in_hand(pair) == 1
        eventually(lambda: not in_hand(pair))
        assert time.perf_counter() - begun >= 0.39


def test_a_pool_keeps_a_connection_that_waits_and_gives_it_to_the_next_request(pair: Testbed) -> None:
    """Healed 0.3 s after the sidecar's first SYN: a request meets its second, which comes after a second."""
    with injected(pair, unreachable()) as injection:
        begun = time.perf_counter()
        with Wire(door(pair), 0.3) as given_up:
            check(NOTHING, given_up.ask())
        injection.heal()
        check(OK, fresh(door(pair)))
    assert time.perf_counter() - begun >= SYN_AGAIN_S


def test_an_unreachable_host_is_retried_after_the_connect_time_out(impatient: Testbed) -> None:
    """Twice 200 ms; the time of the whole call, which is a 504, is far longer."""
    with impatient.inject(unreachable().on(EDGE)):
        check(Is(status=503, least_ms=385), fresh(door(impatient)))


@pytest.mark.parametrize("kind", ["unreachable", "hang", "node_failure"])
def test_an_outage_of_all_replicas_costs_the_whole_time_out(pair: Testbed, kind) -> None:
    with pair.inject(outage("back", kind=kind)):
        check(TIME_OUT, fresh(door(pair), "/", HASTE))
    assert OK.like(fresh(link(pair)))
