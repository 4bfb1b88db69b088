"""Start and end: readiness, SIGTERM, and what a stub says when it cannot begin."""

from __future__ import annotations

import copy
import json
import signal
import socket
import time

import pytest
from scripted_upstream import SILENCE, Reply
from stub_behaviour import behaviour, call, instead, static
from stub_process import ask

from testbed.errors import TopologyError
from topologies.stubs import stub_path

pytestmark = pytest.mark.e2e


def test_a_cold_stub_serves_soon(launch):
    assert launch(behaviour()).wait_ready() < 15


def test_it_listens_on_its_own_address_only(start):
    stub = start(behaviour())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", stub.port), timeout=5)


def test_sigterm_ends_it_at_once_with_exit_0(start, upstream):
    a = upstream()
    a.script(SILENCE)
    stub = start(behaviour(call("a")), {"a": a})
    with stub.raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        while not a.seen:
            time.sleep(0.002)
        begin = time.monotonic()
        stub.process.send_signal(signal.SIGTERM)
        assert stub.process.wait(10) == 0
        assert time.monotonic() - begin < 5


def test_it_can_start_again_at_once_where_it_was(start, launch):
    """Connections of the one before, in TIME_WAIT, are in nobody's way."""
    stub = start(behaviour())
    with stub.raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        while sock.recv(1000):
            pass
    stub.process.send_signal(signal.SIGTERM)
    stub.process.wait(10)
    again = launch(behaviour(), ADDR=stub.address, PORT=str(stub.port))
    again.address, again.port = stub.address, stub.port
    again.wait_ready()


def refusal(stub):
    assert stub.process.wait(20) == 2
    text = stub.errors()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.startswith("stub: ")
    return text


CALL = ("default", "steps", 0, "parallel", 0)
WAY = (*CALL, "on_failure")
WRONG = [
    (("protocol",), "h3", "protocol"),
    ((*CALL, "protocol"), "tcp", "default.steps[0].parallel[0].protocol"),
    (("wiring",), "sidecar", "wiring"),
    (("forward",), "x-tenant", "forward"),
    (("forward",), [1], "forward"),
    (("concurrency",), {"limit": 0, "queue": 1, "shed": 503}, "concurrency.limit"),
    (("concurrency",), {"limit": 1, "queue": 1}, "shed"),
    (("deadline",), 5, "deadline"),
    (("reset",), 5, "reset"),
    (("hang_up",), "sometimes", "hang_up"),
    (("grace",), -1, "grace"),
    (("grace",), "1s", "grace"),
    (("default",), None, "default"),
    (("default", "steps"), {}, "default.steps"),
    (("default", "steps", 0), {"calls": []}, "parallel"),
    (("default", "work"), 5, "default.work"),
    (("default", "work"), {"0": 1, "50": 2}, "default.work"),
    (("default", "work"), {"0": 1, "50": 2, "50.0": 3, "100": 4}, "default.work"),
    (("default", "work"), {"0": 1, "half": 2, "100": 4}, "default.work"),
    (("default", "work"), {"0": -1, "100": 4}, "default.work"),
    (("default", "answer", "status"), 99, "default.answer.status"),
    (("default", "answer", "bytes"), -1, "default.answer.bytes"),
    ((*CALL, "to"), "", "default.steps[0].parallel[0].to"),
    ((*CALL, "path"), "no-slash", "default.steps[0].parallel[0].path"),
    ((*CALL, "path"), "/a b", "default.steps[0].parallel[0].path"),
    ((*CALL, "timeout"), 0, "default.steps[0].parallel[0].timeout"),
    ((*CALL, "timeout"), "1s", "default.steps[0].parallel[0].timeout"),
    ((*CALL, "retries"), -1, "default.steps[0].parallel[0].retries"),
    ((*CALL, "retries"), None, "default.steps[0].parallel[0].retries"),
    ((*CALL, "pause"), "1", "default.steps[0].parallel[0].pause"),
    (WAY, {"kind": "retry"}, "default.steps[0].parallel[0].on_failure.kind"),
    (WAY, {"kind": "fail", "status": 503}, "keep"),
    (WAY, {"kind": "default", "name": "x"}, "answer"),
    (WAY, {"kind": "stale"}, "name"),
    (WAY, {"kind": "call", "name": "x", "call": {"to": "b"}}, "default.steps[0].parallel[0].on_failure.call"),
    (("routes",), {"/x": {}}, "routes[/x]"),
    (("routes",), [], "routes"),
]


@pytest.mark.parametrize(("place", "value", "named"), WRONG, ids=[f"{n}-{w[2]}" for n, w in enumerate(WRONG)])
def test_a_bad_behaviour_is_refused_by_the_place_of_its_mistake(launch, upstream, place, value, named):
    told = behaviour(call("a", on_failure=static("x", 1)))
    inner = told
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert named in refusal(launch(told, {"a": upstream()}))


@pytest.mark.parametrize("path", [(), CALL, WAY, ("default",), ("default", "answer")], ids=str)
def test_every_key_must_be_there(launch, upstream, path):
    a, whole = upstream(), behaviour(call("a", on_failure=static("x", 1)))
    inner = whole
    for key in path:
        inner = inner[key]
    for key in list(inner):
        told = copy.deepcopy(whole)
        part = told
        for step in path:
            part = part[step]
        del part[key]
        assert key in refusal(launch(told, {"a": a}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7"])
def test_what_is_no_description_is_refused(launch, text):
    assert "BEHAVIOUR" in refusal(launch(text))


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"ADDR": ""}, "ADDR"),
        ({"SERVICE": ""}, "SERVICE"),
        ({"REPLICA": ""}, "REPLICA"),
        ({"SEED": "many"}, "SEED"),
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "70000"}, "70000"),
        ({"ATTEMPT_LOG": "/nowhere/at/all"}, "ATTEMPT_LOG"),
        ({"ADDR": "192.0.2.1"}, "listen"),
    ],
    ids=str,
)
def test_a_bad_environment_is_refused(launch, env, named):
    assert named in refusal(launch(behaviour(), **env))


@pytest.mark.parametrize(
    ("wiring", "env", "named"),
    [
        ("listener", {}, "PRICE_LIST_URL"),
        ("listener", {"PRICE_LIST_URL": "https://127.0.0.1:80"}, "PRICE_LIST_URL"),
        ("listener", {"PRICE_LIST_URL": "http://127.0.0.1"}, "PRICE_LIST_URL"),
        ("listener", {"PRICE_LIST_URL": "http://127.0.0.1:80/path"}, "PRICE_LIST_URL"),
        ("listener", {"PRICE_LIST_URLS": "http://127.0.0.1:80,"}, "PRICE_LIST_URLS"),
        ("proxy", {"PRICE_LIST_URL": "http://127.0.0.1:80"}, "HTTP_PROXY"),
    ],
    ids=str,
)
def test_an_upstream_that_leads_nowhere_is_refused_even_if_only_a_fallback(launch, upstream, wiring, env, named):
    proxied = {"HTTP_PROXY": ""} if wiring == "proxy" else {}
    told = behaviour(call("a", on_failure=instead("x", call("price-list"))), wiring=wiring)
    assert named in refusal(launch(told, {"a": upstream()}, **env, **proxied))


def test_a_port_in_use_is_refused(start, launch):
    stub = start(behaviour())
    text = refusal(launch(behaviour(), ADDR=stub.address, PORT=str(stub.port)))
    assert str(stub.port) in text


def test_the_folder_of_a_stub_is_found_and_a_misspelt_language_is_told():
    assert (stub_path("node") / "main.mjs").is_file()
    assert (stub_path("go") / "go.mod").is_file()
    assert (stub_path("python") / "main.py").is_file()
    with pytest.raises(TopologyError, match="did you mean 'python'"):
        stub_path("pyton")


def test_a_behaviour_of_the_model_is_understood(start, upstream):
    """What the testbed writes is what the stubs read."""
    from testbed.behaviour import behaviour as described
    from testbed.model.topology import Topology

    shop = Topology.model_validate(
        {
            "name": "shop",
            "entry": "shop",
            "services": {
                "shop": {
                    "language": "go",
                    "calls": [
                        {"to": "price", "timeout": "1s", "onFailure": {"fallback": "list", "answer": [1]}},
                        "auth",
                    ],
                    "work": {"p50": "1ms", "p99": "3ms"},
                    "concurrency": {"limit": 8, "queue": 16, "shed": 503},
                },
                "price": {"language": "go"},
                "auth": {"language": "python"},
            },
        }
    )
    price, auth = upstream(), upstream()
    price.stop()
    answer = start(json.loads(json.dumps(described(shop, "shop"))), {"price": price, "auth": auth}).get()
    price.start()
    assert (answer.status, answer.body["answers"]) == (200, {"list": [1]})


def begin(stub, seen):
    """Send a request on a connection of its own, and wait until it has reached the upstream."""
    sock = stub.raw()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    while not seen:
        time.sleep(0.002)
    return sock


def test_with_grace_it_finishes_what_it_has_and_takes_nothing_new(start, upstream):
    a = upstream()
    a.script(Reply(after_ms=800))
    stub = start(behaviour(call("a"), grace=15_000), {"a": a})
    idle = stub.connect()
    assert ask(idle, "/healthz").status == 200
    with begin(stub, a.seen) as sock:
        stub.process.send_signal(signal.SIGTERM)
        refused_from(stub)
        assert stub.process.poll() is None
        text = sock.recv(10_000)
        assert text.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in text.lower()
    began = time.monotonic()
    assert stub.process.wait(10) == 0
    assert time.monotonic() - began < 5  # not after the whole grace, though a connection was idle
    idle.close()


def test_the_grace_has_an_end(start, upstream):
    a = upstream()
    a.script(SILENCE)
    stub = start(behaviour(call("a"), grace=500), {"a": a})
    with begin(stub, a.seen):
        began = time.monotonic()
        stub.process.send_signal(signal.SIGTERM)
        assert stub.process.wait(10) == 0
        assert 0.45 <= time.monotonic() - began < 8


def test_with_grace_but_nothing_to_do_it_ends_at_once(start):
    stub = start(behaviour(grace=15_000))
    began = time.monotonic()
    stub.process.send_signal(signal.SIGTERM)
    assert stub.process.wait(10) == 0
    assert time.monotonic() - began < 5


def refused_from(stub):
    """Wait until new connections are refused."""
    deadline = time.monotonic() + 0.7
    while time.monotonic() < deadline:
        try:
            stub.raw().close()
        except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the queue of a listener that closed
            return
        time.sleep(0.01)
    raise AssertionError("it still takes connections")
