"""The load driver against a real small server: it keeps its schedule and tells the truth about every request."""

from __future__ import annotations

import socket
import time
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from testbed.history.events import AnswerBody, Request
from testbed.load.driver import Driver
from testbed.load.recording import AnswerRecording
from testbed.load.schedule import Schedule, ScheduledRequest
from testbed.load.workload import constant_rate, get, poisson, post
from tests.kit.programs.load_server import QuickServer, Server, ask, one, wait_until

pytestmark = pytest.mark.e2e


# -- the schedule


def test_a_steady_load_keeps_its_schedule(binary: Path, server: Server) -> None:
    shape = constant_rate(get("/"), rps=200, users=100, cohorts={"trondheim": "5%"})
    planned = Schedule(shape, 1).take(1)
    with Driver(binary, {"shop-1": server.url}) as driver:
        start = time.time() + 0.5
        driver.send(planned, "hold", start_at=start)
        assert time.time() < start  # it returned at once
        assert driver.wait_idle()
        assert time.time() > start + 0.99
        results = {request.id: request for request in driver.results()}
        assert 0 < driver.cpu_seconds() < 1
    assert len(results) == 200
    for request in planned:
        got = results[request.id]
        assert got.intended == pytest.approx(start + request.offset_s, abs=1e-5)
        assert got.sent >= got.intended - 1e-6
        assert got.latency_ms > (got.sent - got.intended) * 1000
        assert (got.status, got.error, got.user, got.cohort) == (200, "", request.user, request.cohort)
        assert (got.phase, got.replica, got.method, got.path) == ("hold", "shop-1", "GET", "/")


@pytest.mark.lateness
def test_a_thousand_requests_a_second_leave_on_time(binary: Path) -> None:
    with QuickServer() as url, Driver(binary, {"shop-1": url}) as driver:
        planned = Schedule(poisson(get("/"), rps=1000), 1).take(3)
        driver.send(planned, start_at=time.time() + 0.2)
        assert driver.wait_idle()
        results = driver.results()
    assert len(planned) == len(results) > 2500
    assert {request.status for request in results} == {200}
    late = sorted((request.sent - request.intended) * 1000 for request in results)
    assert late[len(late) // 2] < 20  # 0.05 on an idle machine
    assert late[len(late) * 99 // 100] < 500


def test_chunks_follow_each_other_without_a_gap(binary: Path, server: Server) -> None:
    schedule = Schedule(constant_rate(get("/"), rps=100), 1)
    start = time.time() + 0.1
    with Driver(binary, {"shop-1": server.url}) as driver:
        for i in range(5):
            driver.send(schedule.take(0.1), f"p{i}", start_at=start + 0.1 * i)
        assert driver.wait_idle()
        results = sorted(driver.results(), key=lambda request: request.intended)
    assert [request.intended for request in results] == pytest.approx([start + i / 100 for i in range(50)], abs=1e-5)
    assert [phase for phase, _ in groupby(request.phase for request in results)] == ["p0", "p1", "p2", "p3", "p4"]


def test_open_loop_a_stalled_server_does_not_stop_the_sending(binary: Path, server: Server) -> None:
    """A closed loop would send one request in the stalled second and hide 99 slow ones: coordinated omission."""
    start = time.time() + 0.1
    stalled_until = server.stalled_until = start + 1.0
    with Driver(binary, {"shop-1": server.url}) as driver:
        driver.send(Schedule(constant_rate(get("/"), rps=100), 1).take(1), start_at=start)
        assert driver.wait_idle()
        results = driver.results()
    on_time = [request for request in results if request.sent < stalled_until]
    assert len(on_time) > 10  # sent although not one answer had come
    for request in results:
        waited = (stalled_until - request.intended) * 1000
        assert request.latency_ms > waited - 1
    mean = sum(request.latency_ms for request in results) / len(results)
    assert mean > 495  # half the stall, as every user saw it


def test_a_start_in_the_past_is_reported_as_late(binary: Path, server: Server) -> None:
    with Driver(binary, {"shop-1": server.url}) as driver:
        driver.send([one("/")], start_at=time.time() - 0.5)
        assert driver.wait_idle()
        (request,) = driver.results()
    assert request.latency_ms > (request.sent - request.intended) * 1000 > 500


def test_an_empty_chunk_is_done_at_once(binary: Path, server: Server) -> None:
    with Driver(binary, {"shop-1": server.url}) as driver:
        driver.send([], "quiet")
        assert driver.wait_idle()
        assert driver.results() == []


# -- what became of a request


@pytest.mark.parametrize(
    ("path", "error"),
    [("/eof", "eof"), ("/half", "eof"), ("/reset", "reset"), ("/reset-half", "reset")],
)
def test_broken_answers_are_told_apart(binary: Path, server: Server, path: str, error: str) -> None:
    """On a new connection and on a kept one: a kept one must not be tried again in silence."""
    requests = ask(binary, server.url, path, "/", path)
    assert [(request.status, request.error) for request in requests] == [(0, error), (200, ""), (0, error)]
    outcome, begun = ("broken_off", 200) if "half" in path else ("reset", 0)
    assert [(request.outcome, request.begun) for request in requests] == [(outcome, begun), ("", 0), (outcome, begun)]
    assert [head.split()[1] for head in server.heads] == [path, "/", path]


def test_silence_is_a_time_out(binary: Path, server: Server) -> None:
    (request,) = ask(binary, server.url, "/silent", timeout_s=0.3)
    assert (request.status, request.error) == (0, "timeout")
    assert request.latency_ms > 299


def test_nobody_listening_is_refused(binary: Path, server: Server) -> None:
    server.stop()
    (request,) = ask(binary, server.url, "/")
    assert (request.status, request.error) == (0, "refused")


def test_a_full_backlog_is_a_time_out(binary: Path) -> None:
    with socket.create_server(("127.77.0.1", 0), backlog=0) as deaf:
        fill = [socket.socket() for _ in range(3)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        (request,) = ask(binary, "http://{}:{}".format(*deaf.getsockname()), "/", timeout_s=0.3)
        for each in fill:
            each.close()
    assert (request.status, request.error) == (0, "timeout")


def test_noise_is_another_error_with_its_words(binary: Path, server: Server) -> None:
    (request,) = ask(binary, server.url, "/noise")
    assert request.status == 0
    assert request.error.startswith("other: malformed HTTP")


def test_unusual_but_correct_answers(binary: Path, server: Server) -> None:
    paths = ["/elsewhere", "/early", "/chunked", "/until-close", "/last", "/fallback", "/"]
    requests = ask(binary, server.url, *paths)
    assert [request.status for request in requests] == [302, 200, 503, 200, 200, 200, 200]
    assert [request.error for request in requests] == [""] * len(paths)
    assert [request.fallbacks for request in requests][-2:] == [("list-price", "empty"), ()]
    assert len(server.heads) == len(paths)  # the redirect was not followed


def test_a_connection_closed_while_idle_costs_no_request(binary: Path, server: Server) -> None:
    def noticed() -> None:
        wait_until(lambda: server.closed == server.connections)
        time.sleep(0.1)

    requests = ask(binary, server.url, *["/close-when-idle"] * 3, pause=noticed)
    assert [(request.status, request.error) for request in requests] == [(200, "")] * 3
    assert server.connections == 3


def test_connections_are_kept(binary: Path, server: Server) -> None:
    ask(binary, server.url, *["/"] * 5)
    assert server.connections == 1


# -- what is sent


def test_requests_arrive_as_planned(binary: Path, server: Server) -> None:
    shape = constant_rate(
        post("/cart", body="blåbær", headers={"x-tenant": "no", "host": "shop"}),
        rps=10,
        users=1,
        cohorts={"trondheim": "100%"},
        user_headers={"x-user": "{user}"},
    )
    planned = Schedule(shape, 1).take(0.1)
    with Driver(binary, {"shop-1": server.url}) as driver:
        driver.send(planned)
        assert driver.wait_idle()
    line, *fields = server.heads[0].split("\r\n")
    headers = dict(field.split(": ", 1) for field in fields)
    assert line == "POST /cart HTTP/1.1"
    assert headers == {
        "Host": "shop",
        "Content-Length": "8",
        "x-tenant": "no",
        "x-user": "u0001",
        "x-request-id": "r000001",
        "x-ot-span-context": "r000001",
        "baggage": "tb.id=r000001,tb.user=u0001,tb.cohort=trondheim",
        "traceparent": planned[0].headers["traceparent"],
    }


def test_targets_share_the_requests_evenly(binary: Path, server: Server) -> None:
    other = Server("127.77.0.2")
    targets = {"shop-1": server.url, "shop-2": other.url}
    with Driver(binary, targets, seed=3) as driver:
        driver.send(Schedule(constant_rate(get("/"), rps=400), 1).take(0.25))
        assert driver.wait_idle()
        results = driver.results()
    other.stop()
    assert Counter(request.replica for request in results) == {"shop-1": 50, "shop-2": 50}
    assert (len(server.heads), len(other.heads)) == (50, 50)
    reached = {head.split("\r\n")[0] and _header(head, "x-request-id") for head in other.heads}
    assert reached == {request.id for request in results if request.replica == "shop-2"}


def _header(head: str, name: str) -> str:
    return next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.startswith(name))


def test_the_environments_proxy_is_not_used(binary: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ask(binary, server.url, "/")[0].status == 200


# -- the content of answers


def ask_for(binary: Path, server: Server, *paths: str, **recorded: Any) -> tuple[list[Request], dict[str, AnswerBody]]:
    """Ask one after the other, with what is to be recorded; return the requests and the bodies by digest."""
    with Driver(binary, {"shop-1": server.url}, recorded=AnswerRecording(**recorded)) as driver:
        for number, path in enumerate(paths):
            driver.send([ScheduledRequest(0.0, f"r{number}", "u1", "", "POST", path, {})])
            assert driver.wait_idle()
        return driver.results(), {body.digest: body for body in driver.bodies()}


def test_an_answer_has_size_type_headers_and_a_digest_and_each_text_is_kept_once(binary: Path, server: Server) -> None:
    requests, bodies = ask_for(binary, server, "/", "/page", "/", "/chunked", headers=("X-Cache",))
    assert [(one.size, one.content_type, one.headers) for one in requests] == [
        (2, "", ()),
        (8, "text/html", ("x-cache: hit",)),
        (2, "", ()),
        (2, "", ()),
    ]
    assert [bodies[one.digest].text for one in requests] == ["ok", "a pag\u20ac", "ok", "no"]
    assert len(bodies) == 3


def test_texts_are_kept_up_to_a_bound(binary: Path, server: Server) -> None:
    requests, bodies = ask_for(binary, server, "/big", "/", bodies_kb=70)
    assert requests[0].size == 100_000
    (big, small) = (bodies[one.digest] for one in requests)
    assert (big.size, len(big.text), small.text) == (100_000, 65_536, "ok")
    _, bodies = ask_for(binary, server, "/big", "/", bodies_kb=1)
    assert [body.text for body in bodies.values()] == ["ok"]  # there is no room for the other
    assert ask_for(binary, server, "/", bodies_kb=0)[1] == {}


def test_a_redirect_is_followed_and_the_last_answer_counts(binary: Path, server: Server) -> None:
    requests, _ = ask_for(binary, server, "/moved", "/moved-to-an-error", "/elsewhere")
    assert [(one.status, one.redirects, one.ended_at) for one in requests] == [
        (200, 1, "/"),
        (503, 1, "/chunked"),
        (302, 0, ""),  # another server is not asked
    ]
    lines = [head.split("\r\n")[0] for head in server.heads]
    assert lines[:2] == ["POST /moved HTTP/1.1", "GET / HTTP/1.1"]
    (one,), _ = ask_for(binary, server, "/moved", follow_redirects=False)
    assert (one.status, one.redirects) == (302, 0)


def test_redirects_without_end_are_no_answer(binary: Path, server: Server) -> None:
    (one,), _ = ask_for(binary, server, "/round")
    assert (one.status, one.error, one.redirects) == (0, "redirects", 5)
