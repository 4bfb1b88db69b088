"""The adapter against the real Toxiproxy: what is applied is there, what is undone is gone, and nothing hangs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from testbed.errors import FaultError, TestbedError
from testbed.faults.operations import Blackhole, LinkDown, LinkOperation, Stream, Toxic
from testbed.faults.toxics import KINDS
from testbed.injection.toxiproxy.links import Links
from tests.kit.planes import Stage, stage
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

ONE, TWO, NONE = "caller-1--callee-1", "caller-1--callee-2", "caller-1--callee-3"
STREAMS: tuple[Stream, ...] = ("upstream", "downstream")
DEADLY = [
    Toxic(ONE, "bandwidth", "downstream", {"rate": -1}),
    Toxic(ONE, "slicer", "downstream", {"average_size": 0}),
    Toxic(ONE, "latency", "downstream", {"latency": 1, "jitter": 2**62}),
]
FIRST_USE = """
from testbed.injection.toxiproxy.links import Links
try:
    Links("127.0.0.1:1").verify_clean()
except Exception as problem:
    print(type(problem).__name__)
"""
VALUES = {
    "latency": {"latency": 100, "jitter": 50},
    "bandwidth": {"rate": 1000},
    "slow_close": {"delay": 10},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 0},
    "slicer": {"average_size": 64, "size_variation": 32, "delay": 10},
    "limit_data": {"bytes": 1000},
}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("links") / "run", replicas=2, inlet=False) as made:
        yield made


@pytest.fixture
def links(started: Stage) -> Links:
    """The adapter, with clean links."""
    started.mend_links()
    return started.toxi


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_toxic_is_read_back_and_undone(links: Links, kind: str, stream: Stream) -> None:
    toxic = Toxic(ONE, kind, stream, VALUES[kind])
    links.apply(toxic)
    assert links.verify_clean() == [ONE]
    links.undo(toxic)
    assert links.verify_clean() == []


def test_a_closed_link_is_not_clean_and_opens_again(links: Links, started: Stage) -> None:
    links.apply(LinkDown(TWO))
    assert links.verify_clean() == [TWO]
    links.undo(LinkDown(TWO))
    assert links.verify_clean() == []
    assert {started.get().status for _ in range(4)} == {200}


def test_an_unanswered_link_is_not_clean_and_opens_again(links: Links, started: Stage) -> None:
    links.apply(Blackhole(TWO))
    assert links.verify_clean() == [TWO]
    links.undo(Blackhole(TWO))
    assert links.verify_clean() == []
    assert {started.get().status for _ in range(4)} == {200}


def test_a_link_whose_address_cannot_be_had_is_opened_again_by_undo(links: Links, started: Stage) -> None:
    ip, _, port = started.links[1].listen.rpartition(":")
    links.apply(LinkDown(TWO))
    with socket.create_server((ip, int(port))), pytest.raises(TestbedError, match=f"cannot hold {ip}:{port}"):
        links.apply(Blackhole(TWO))
    links.undo(Blackhole(TWO))
    assert links.verify_clean() == []


def test_what_is_undone_on_several_links_leaves_all_of_them_clean(links: Links) -> None:
    operations: list[LinkOperation] = [
        Blackhole(ONE),
        Toxic(ONE, "latency", "upstream", {"latency": 1}),
        LinkDown(TWO),
        Toxic(TWO, "slicer", "downstream", VALUES["slicer"]),
    ]
    for operation in operations:
        links.apply(operation)
    assert links.verify_clean() == [ONE, TWO]
    for operation in operations:
        links.undo(operation)
    assert links.verify_clean() == []


def test_toxics_of_both_streams_and_several_kinds_live_side_by_side(links: Links) -> None:
    toxics = [
        Toxic(ONE, kind, stream, VALUES[kind])
        for kind in ("latency", "bandwidth")
        for stream in ("upstream", "downstream")
    ]  # type: ignore[arg-type]
    for toxic in toxics:
        links.apply(toxic)
    for toxic in toxics[:-1]:
        links.undo(toxic)
    assert links.verify_clean() == [ONE]
    links.undo(toxics[-1])
    assert links.verify_clean() == []


def test_the_same_toxic_twice_is_an_error(links: Links) -> None:
    toxic = Toxic(ONE, "latency", "upstream", {"latency": 1})
    links.apply(toxic)
    with pytest.raises(TestbedError, match=ONE):
        links.apply(toxic)


def test_undoing_what_is_not_there_is_an_error(links: Links) -> None:
    with pytest.raises(TestbedError, match=f"no such toxic on {ONE}"):
        links.undo(Toxic(ONE, "latency", "upstream", {"latency": 1}))


@pytest.mark.parametrize(
    "operation", [Toxic(NONE, "timeout", "upstream", {"timeout": 0}), LinkDown(NONE), Blackhole(NONE)]
)
def test_an_unknown_link_names_the_nearest(links: Links, operation: LinkOperation) -> None:
    with pytest.raises(FaultError, match="did you mean 'caller-1--callee-"):
        links.apply(operation)


def test_what_would_kill_the_server_never_reaches_it(links: Links) -> None:
    for toxic in DEADLY:
        with pytest.raises(FaultError):
            links.apply(toxic)
    assert links.verify_clean() == []


def test_a_server_that_hangs_is_given_up_in_time(started: Stage) -> None:
    started.runtime.pause("links")
    try:
        begun = time.monotonic()
        with pytest.raises(TestbedError, match="Toxiproxy at"):
            Links(started.runtime.reach(started.plan.links_api), timeout_s=0.3).verify_clean()
        assert time.monotonic() - begun >= 0.3
    finally:
        started.runtime.resume("links")


def test_nobody_there_is_said_plainly() -> None:
    with pytest.raises(TestbedError, match=r"Toxiproxy at 127\.0\.0\.1:1"):
        Links("127.0.0.1:1").verify_clean()


def test_the_users_own_proxy_settings_do_not_matter(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert links.verify_clean() == []


def test_several_servers_and_threads_at_once(links: Links, started: Stage) -> None:
    other = Links("127.0.0.1:1")
    with pytest.raises(TestbedError):
        other.verify_clean()  # the client library keeps the address in its class; ours must not
    kinds = ("latency", "slow_close")
    toxics = [Toxic(link, kind, stream, VALUES[kind]) for link in (ONE, TWO) for kind in kinds for stream in STREAMS]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(links.apply, toxics))
        assert links.verify_clean() == [ONE, TWO]
        list(pool.map(links.undo, toxics))
    assert links.verify_clean() == []


def test_no_warning_of_the_old_client_leaks() -> None:
    command = [sys.executable, "-W", "error", "-c", FIRST_USE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("TestbedError\n", "")


def test_applying_and_undoing_are_quick(links: Links) -> None:
    """A few milliseconds each: a machine that is busy may take longer, but not every time."""
    toxic = Toxic(ONE, "latency", "downstream", {"latency": 1})

    def both_are_quick() -> bool:
        begun = time.perf_counter()
        links.apply(toxic)
        links.undo(toxic)
        return time.perf_counter() - begun < 0.05

    eventually(both_are_quick)
