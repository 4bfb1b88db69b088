"""What each link fault does to connections that were there, to new ones and to a request in flight, as Envoy sees it.

The sidecar does not retry here, so that one request is one attempt. It gives up after 300 ms where no answer can come.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from testbed.faults.operations import LinkDown, Toxic
from tests.kit.plane_apps import hello
from tests.kit.planes import Got, Stage, stage
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

LINK = "caller-1--callee-1"
REFUSED = LinkDown(LINK)
RESET = Toxic(LINK, "reset_peer", "downstream", {"timeout": 0})
RESET_EARLY = Toxic(LINK, "reset_peer", "upstream", {"timeout": 0})
SILENT = Toxic(LINK, "timeout", "upstream", {"timeout": 0})
SILENT_ANSWERS = Toxic(LINK, "timeout", "downstream", {"timeout": 0})
CUT_IN_HEAD = Toxic(LINK, "limit_data", "downstream", {"bytes": 20})
CUT_IN_BODY = Toxic(LINK, "limit_data", "downstream", {"bytes": 2000})


@pytest.fixture(scope="module", params=[True, False], ids=["inlet", "bare"])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("effects") / "run", policy={"timeout": "60s"}, inlet=request.param) as made:
        yield made


@pytest.fixture
def link(started: Stage) -> Stage:
    """A clean link with a warm connection."""
    started.toxi.reset()
    started.behave(hello)
    assert started.get().status == 200
    started.forget()
    return started


@dataclass
class Case:
    """A fault, and the status and flags that a caller's Envoy gives to the call."""

    name: str
    fault: Toxic | LinkDown
    status: int
    flags: str
    in_flight: tuple[int, str]

    def get(self, link: Stage) -> Got:
        """A request under the fault."""
        return impatient(link) if self.status == 504 else link.get()


CASES = [
    Case("refused", REFUSED, 503, "UF", (503, "UC")),
    Case("reset", RESET, 503, "UC", (503, "UC")),
    Case("reset early", RESET_EARLY, 503, "UC", (200, "-")),
    Case("silent", SILENT, 504, "UT", (200, "-")),
    Case("silent answers", SILENT_ANSWERS, 504, "UT", (504, "UT")),
    Case("cut in the head", CUT_IN_HEAD, 502, "UPE", (502, "UPE")),
]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def impatient(link: Stage) -> Got:
    """One that the sidecar gives up soon, as under a policy with such a time-out."""
    return link.get(x_envoy_upstream_rq_timeout_ms="300")


def calls(link: Stage) -> list[tuple[object, object]]:
    return [(line["status"], line["flags"]) for line in link.settled() if line["kind"] == "call"]


@every
def test_connections_that_were_there(link: Stage, case: Case) -> None:
    link.toxi.apply(case.fault)
    assert case.get(link).status == case.status
    assert calls(link) == [(case.status, case.flags)]


@every
def test_new_connections(link: Stage, case: Case) -> None:
    link.toxi.apply(REFUSED)
    link.toxi.undo(REFUSED)
    link.toxi.apply(case.fault)
    assert [case.get(link).status for _ in range(2)] == [case.status] * 2
    assert calls(link) == [(case.status, case.flags)] * 2


@every
def test_a_request_in_flight(link: Stage, case: Case) -> None:
    arrived, broken = threading.Event(), threading.Event()
    link.behave(lambda talk: (arrived.set(), broken.wait(60), talk.answer(200, b"late"))[-1])
    ask = impatient if case.in_flight[0] == 504 else Stage.get
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, link)
        assert arrived.wait(60)
        link.toxi.apply(case.fault)
        broken.set()
    assert waiting.result().status == case.in_flight[0]
    assert calls(link) == [case.in_flight]


@every
def test_after_healing_the_next_request_is_well(link: Stage, case: Case) -> None:
    link.toxi.apply(case.fault)
    case.get(link)
    link.toxi.undo(case.fault)
    assert [link.get().status for _ in range(3)] == [200] * 3


def test_an_answer_that_is_cut_off_in_its_body_has_its_status_and_is_broken(link: Stage) -> None:
    link.behave(lambda talk: talk.answer(200, b"x" * 10_000))
    link.toxi.apply(CUT_IN_BODY)
    got = link.get()
    assert (got.status, got.broken) == (200, True)
    assert 0 < len(got.body) < 2000
    assert calls(link) == [(200, "UPE")]


def test_latency_is_met_by_each_answer_and_not_by_the_connect(link: Stage) -> None:
    link.toxi.apply(Toxic(LINK, "latency", "downstream", {"latency": 100}))
    times = [link.get().ms]
    eventually(lambda: times.append(link.get().ms) or min(times) < 190)  # once, not for the connect as well
    assert min(times) >= 100
