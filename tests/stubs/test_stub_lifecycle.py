"""Start and end: readiness, SIGTERM, and what a stub says when it cannot begin."""

from __future__ import annotations

import json
import select
import signal
import socket
import threading
import time

import pytest

from testbed.errors import TopologyError
from testbed.native import stub_path
from tests.kit.stubs.behaviour import behaviour, call, instead, static
from tests.kit.stubs.conforming import RUNTIMES, refusal, until, what_is_refused
from tests.kit.stubs.process import ask
from tests.kit.stubs.scripted_upstream import SILENCE, Reply

pytestmark = pytest.mark.e2e


def test_it_listens_on_its_own_address_only(share):
    stub = share(behaviour())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", stub.port), timeout=5)


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
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


def test_an_idle_connection_stays_open_in_every_runtime(running):
    """Longer than Node's own keep-alive timeout of five seconds, which would break the client's next request."""
    connections = [running(language, behaviour()).connect() for language in RUNTIMES]
    for idle_s in (6.5, 0):
        assert [ask(one).status for one in connections] == [200] * len(connections)
        assert select.select([one.sock for one in connections], [], [], idle_s)[0] == []
    for one in connections:
        one.close()


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


def assert_named(texts, words):
    """Each text has its words."""
    assert [pair for pair in zip(words, texts, strict=True) if pair[0] not in pair[1]] == []


def test_a_behaviour_with_an_unknown_or_missing_key_is_refused(refused):
    """At the top, and deep inside where the key depends on the kind. The writer of a behaviour checks its values."""
    good = behaviour(call("a", on_failure=static("x", 1)))
    no_name = {"kind": "call", "name": "x", "call": call("a", on_failure={"kind": "stale"})}
    wrong = {
        "extra": good | {"extra": 1},
        "grace": {key: value for key, value in good.items() if key != "grace"},
        "retry": behaviour({**call("a"), "retry": 1}),
        "name": behaviour(call("a", on_failure=no_name)),
        "BEHAVIOUR": [],
    }
    assert_named(refused(*wrong.values()), list(wrong))


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
    [("{", {}, "BEHAVIOUR"), (behaviour(), {"ADDR": "192.0.2.1"}, "listen")],
    ids=["behaviour", "address"],
)
def test_a_stub_that_cannot_start_ends_with_2_and_one_line(launch, told, env, named):
    assert named in refusal(launch(told, **env))


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
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


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
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


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_with_grace_a_connection_that_was_idle_gets_one_more_answer(start):
    """A client that has just sent a request on it must not meet its end. It stays for a second, so several may try."""

    def says() -> str:
        stub = start(behaviour(grace=100_000))
        idle = stub.connect()
        assert ask(idle, "/").status == 200
        stub.process.send_signal(signal.SIGTERM)
        until(lambda: takes_nothing(stub))
        try:
            answer = ask(idle, "/")
        except OSError:  # this machine needed a second
            return ""
        assert stub.process.wait(60) == 0
        return f"{answer.status} {answer.headers['connection']}"

    assert "200 close" in (says() or says() or says())


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
