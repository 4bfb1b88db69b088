"""Start and end: readiness, SIGTERM, and what a stub says when it cannot begin."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time

import pytest

from testbed.errors import TopologyError
from testbed.native import stub_path
from tests.kit.stubs.behaviour import behaviour, call, instead, static
from tests.kit.stubs.conforming import refusal, until, what_is_refused
from tests.kit.stubs.process import ask
from tests.kit.stubs.scripted_upstream import SILENCE, Reply

pytestmark = pytest.mark.e2e


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
        until(lambda: a.seen)
        stub.process.send_signal(signal.SIGTERM)
        assert stub.process.wait(60) == 0  # its call would take longer


def test_it_can_start_again_at_once_where_it_was(start, launch):
    """Connections of the one before, in TIME_WAIT, are in nobody's way."""
    stub = start(behaviour())
    with stub.raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        while sock.recv(1000):
            pass
    stub.process.send_signal(signal.SIGTERM)
    stub.process.wait(60)
    again = launch(behaviour(), ADDR=stub.address, PORT=str(stub.port))
    again.address, again.port = stub.address, stub.port
    again.wait_ready()


@pytest.fixture
def refused(language, launch, upstream):
    """What the stub says of behaviours or, in place of them, of environments that differ from a good one."""
    a = upstream()
    good = {"ADDR": "127.0.0.1", "PORT": "0", "SERVICE": "shop", "REPLICA": "shop-1", "SEED": "7", "A_URL": a.url}

    def said(*wrong):
        envs = [good | (one if isinstance(one, Env) else {"BEHAVIOUR": json.dumps(one)}) for one in wrong]
        texts = what_is_refused(language, envs, lambda env: launch(env["BEHAVIOUR"], **env))
        assert not any("\n" in text for text in texts)
        return texts

    return said


class Env(dict):
    """Variables, not a behaviour."""


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


def changed(place, change):
    """A good description after a change to what is at a place in it."""
    told = behaviour(call("a", on_failure=static("x", 1)))
    inner = told
    for key in place:
        inner = inner[key]
    change(inner)
    return told


def test_a_bad_behaviour_is_refused_by_the_place_of_its_mistake(refused):
    told = [
        changed(
            place[:-1],
            lambda it, p=place, v=value: it.update({p[-1]: v}) if isinstance(it, dict) else it.__setitem__(p[-1], v),
        )
        for place, value, _ in WRONG
    ]
    named = [words for *_, words in WRONG]
    assert_named(refused(*told), named)


def assert_named(texts, words):
    """Each text has its words."""
    assert [pair for pair in zip(words, texts, strict=True) if pair[0] not in pair[1]] == []


def test_every_key_must_be_there(refused):
    told, keys = [], []
    for path in ((), CALL, WAY, ("default",), ("default", "answer")):
        there = []
        changed(path, there.extend)
        keys += there
        told += [changed(path, lambda part, key=key: part.pop(key)) for key in there]
    assert len(keys) >= 25
    assert_named(refused(*told), keys)


def test_what_is_no_description_is_refused(refused):
    texts = ("", "{", "[]", "null", "7")
    for said in refused(*(Env(BEHAVIOUR=text) for text in texts)):
        assert "BEHAVIOUR" in said


def test_a_bad_environment_is_refused(refused):
    wrong = {
        "ADDR": Env(ADDR=""),
        "SERVICE": Env(SERVICE=""),
        "REPLICA": Env(REPLICA=""),
        "SEED": Env(SEED="many"),
        "PORT": Env(PORT="http"),
        "70000": Env(PORT="70000"),
        "ATTEMPT_LOG": Env(ATTEMPT_LOG="/nowhere/at/all"),
    }
    assert_named(refused(*(Env(BEHAVIOUR=json.dumps(behaviour()), **env) for env in wrong.values())), list(wrong))


UPSTREAM = "PRICE_LIST_URL"
NOWHERE = [
    ("listener", {}, UPSTREAM),
    ("listener", {UPSTREAM: "https://127.0.0.1:80"}, UPSTREAM),
    ("listener", {UPSTREAM: "http://127.0.0.1"}, UPSTREAM),
    ("listener", {UPSTREAM: "http://127.0.0.1:80/path"}, UPSTREAM),
    ("listener", {"PRICE_LIST_URLS": "http://127.0.0.1:80,"}, "PRICE_LIST_URLS"),
    ("proxy", {UPSTREAM: "http://127.0.0.1:80", "HTTP_PROXY": ""}, "HTTP_PROXY"),
]


def test_an_upstream_that_leads_nowhere_is_refused_even_if_only_a_fallback(refused):
    way = instead("x", call("price-list"))
    told = {wiring: json.dumps(behaviour(call("a", on_failure=way), wiring=wiring)) for wiring, _, _ in NOWHERE}
    assert_named(refused(*(Env(BEHAVIOUR=told[wiring], **env) for wiring, env, _ in NOWHERE)), [n for *_, n in NOWHERE])


@pytest.mark.parametrize(
    ("told", "env", "named"),
    [
        ("{", {}, "BEHAVIOUR"),
        (behaviour(grace=-1), {}, "grace"),
        (behaviour(call("price-list")), {}, UPSTREAM),
        (behaviour(), {"SEED": "many"}, "SEED"),
        (behaviour(), {"ADDR": "192.0.2.1"}, "listen"),
    ],
    ids=["nonsense", "behaviour", "upstream", "environment", "address"],
)
def test_who_is_refused_ends_with_2_and_one_line(launch, told, env, named):
    assert named in refusal(launch(told, **env))


def test_a_port_in_use_is_refused(start, launch):
    stub = start(behaviour())
    text = refusal(launch(behaviour(), ADDR=stub.address, PORT=str(stub.port)))
    assert str(stub.port) in text


def test_the_folder_of_a_stub_is_found_and_a_misspelt_language_is_told():
    assert (stub_path("node") / "main.mjs").is_file()
    assert (stub_path("go") / "main.go").is_file()
    assert (stub_path("python") / "main.py").is_file()
    with pytest.raises(TopologyError, match="did you mean 'python'"):
        stub_path("pyton")


def test_a_behaviour_of_the_model_is_understood(start, upstream):
    """What the testbed writes is what the stubs read."""
    from testbed.plan.stub_behaviour import behaviour as described
    from testbed.spec.topology import Topology

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
    until(lambda: seen)
    return sock


def test_with_grace_it_finishes_what_it_has_and_takes_nothing_new(start, upstream):
    a, release = upstream(), threading.Event()
    a.script(Reply(hold=release))
    stub = start(behaviour(call("a"), grace=100_000), {"a": a})
    idle = stub.connect()
    assert ask(idle, "/healthz").status == 200
    with begin(stub, a.seen) as sock:
        stub.process.send_signal(signal.SIGTERM)
        until(lambda: takes_nothing(stub))
        assert stub.process.poll() is None
        release.set()
        text = sock.recv(10_000)
        assert text.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in text.lower()
    assert stub.process.wait(60) == 0  # not after the whole grace, though a connection was idle
    idle.close()


def test_the_grace_has_an_end(start, upstream):
    a = upstream()
    a.script(SILENCE)
    stub = start(behaviour(call("a"), grace=500), {"a": a})
    with begin(stub, a.seen):
        began = time.monotonic()
        stub.process.send_signal(signal.SIGTERM)
        assert stub.process.wait(60) == 0
        assert time.monotonic() - began >= 0.45


def test_with_grace_but_nothing_to_do_it_ends_at_once(start):
    stub = start(behaviour(grace=100_000))
    stub.process.send_signal(signal.SIGTERM)
    assert stub.process.wait(60) == 0


def takes_nothing(stub):
    """Whether new connections are refused."""
    try:
        stub.raw().close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the queue of a listener that closed
        return True
    return False
