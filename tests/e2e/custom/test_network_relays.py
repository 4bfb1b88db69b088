"""What passes the relays of an app's own network looks as it does without them: ends, resets, silence, death."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.plan.values import Network, Process, Ready
from testbed.runtime import proc
from testbed.runtime.process.lease import Lease
from testbed.runtime.process.runtime import ProcessRuntime
from testbed.runtime.tools.binaries import find
from tests.kit.processes import eventually, marked

pytestmark = [pytest.mark.e2e, pytest.mark.needs("networks")]

ABRUPT = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST
BIG = 5_000_000
# does what the first line says, and writes down how each conversation ended
# in the place of a relay: the one outwards takes its time to become it
LATE = """#!%s -IS
import os, sys, time
if "%s" in str(sys.argv):
    time.sleep(0.3)
    open(%r, "w").close()
os.execv(%r, sys.argv)
"""
APP = """
import os, socket, struct, threading, time
server = socket.create_server((os.environ["BIND"], int(os.environ["PORT"])), backlog=100)

def serve(client):
    stream = client.makefile("rwb")
    what, *words = stream.readline().decode().split() or ["nothing"]
    if what == "answer":
        client.sendall(b"hello")
    elif what == "count":
        client.sendall(str(len(stream.read())).encode())
    elif what == "big":
        client.sendall(bytes(5_000_000))
    elif what == "wait":
        print("it waits", flush=True)
        try:
            print("after waiting:", stream.read(), flush=True)
        except OSError as error:
            print("after waiting:", type(error).__name__, flush=True)
    elif what == "end":
        client.shutdown(socket.SHUT_WR)
        print("after the end:", stream.read(), flush=True)
    elif what in ("reset", "half"):
        if what == "half":
            client.sendall(b"hel")
            time.sleep(0.1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif what == "call":
        ip, port, say = words
        try:
            with socket.create_connection((ip, int(port)), 60) as far:
                far.sendall(say.encode() + b"\\n")
                far.shutdown(socket.SHUT_WR)
                client.sendall(far.makefile("rb").read())
        except OSError as error:
            client.sendall(type(error).__name__.encode())
    elif what == "deaf":
        server.shutdown(socket.SHUT_RDWR)
        client.sendall(b"deaf")
    stream.close()
    client.close()

while True:
    try:
        client, _ = server.accept()
    except OSError:
        time.sleep(600)
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"""
SIDES = ("apart", "together")


@pytest.fixture
def callee(lease: Lease) -> Iterator[socket.socket]:
    """Somebody whom the apps can call."""
    with socket.create_server((f"{lease.network}.3.1", 9000)) as server:
        server.settimeout(60)
        yield server


@pytest.fixture
def apps(runtime: ProcessRuntime, lease: Lease, callee: socket.socket) -> ProcessRuntime:
    """The same app twice: in a network of its own, on all addresses, and in the one that all share."""
    runtime.start([app(lease, 1, apart=True), app(lease, 2, apart=False)], [])
    return runtime


def app(lease: Lease, number: int, *, apart: bool) -> Process:
    address = f"{lease.network}.{number}.1:8080"
    env = {"BIND": "0.0.0.0" if apart else f"{lease.network}.{number}.1", "PORT": "8080", "MARK": f"{lease.network}."}
    network = Network(8080, (f"{lease.network}.3.1:9000",)) if apart else None
    argv = ("python", "-I", "-S", "-c", APP)
    return Process(
        f"{SIDES[number - 1]}-1/app", "app", argv, Ready(f"tcp://{address}"), (address,), env, network=network
    )


def connected(lease: Lease, side: str, words: str) -> socket.socket:
    client = socket.create_connection((f"{lease.network}.{SIDES.index(side) + 1}.1", 8080), 60)
    client.sendall(f"{words}\n".encode())
    return client


def everything(client: socket.socket) -> bytes | str:
    """All that comes until the end, or how it broke off."""
    found = b""
    try:
        while data := client.recv(1 << 16):
            found += data
    except OSError as error:
        return f"{len(found)} bytes, then {type(error).__name__}"
    return found


def same(lease: Lease, words: str, do: Callable[[socket.socket], object] = everything) -> object:
    """Do the same to both apps, and demand that it looks the same; return what it was."""
    seen = []
    for side in SIDES:
        with connected(lease, side, words) as client:
            seen.append(do(client))
    assert seen[0] == seen[1]
    return seen[0]


def sockets(pid: int) -> set[str]:
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return {path for path in found if path.startswith("socket:")}


def mark(lease: Lease) -> str:
    return f"MARK={lease.network}."


def relays(runtime: ProcessRuntime, lease: Lease) -> list[int]:
    """The relays of the app that is apart: the rest of its process group."""
    leader = runtime.pid("apart-1/app")
    group = [pid for pid in marked(mark(lease)) if os.getpgid(pid) == leader]
    return [pid for pid in group if pid != leader]


# -- what passes


def test_answers_small_and_big(apps: ProcessRuntime, lease: Lease) -> None:
    assert same(lease, "answer") == b"hello"
    assert same(lease, "big") == bytes(BIG)


def test_the_end_of_what_the_caller_sends_is_passed_on(apps: ProcessRuntime, lease: Lease) -> None:
    def send_and_end(client: socket.socket) -> object:
        client.sendall(bytes(BIG))
        client.shutdown(socket.SHUT_WR)
        return everything(client)

    assert same(lease, "count", send_and_end) == str(BIG).encode()


def test_the_end_of_what_the_app_sends_is_passed_on(apps: ProcessRuntime, lease: Lease) -> None:
    def go_on(client: socket.socket) -> object:
        ended = client.recv(10)
        client.sendall(b"more")
        return ended

    assert same(lease, "end", go_on) == b""
    for side in SIDES:
        eventually(lambda side=side: "after the end: b'more'" in apps.log_tail(f"{side}-1/app"), within_s=60)


def test_resets_of_the_app(apps: ProcessRuntime, lease: Lease) -> None:
    assert same(lease, "reset") == "0 bytes, then ConnectionResetError"
    assert same(lease, "half") == "3 bytes, then ConnectionResetError"


@pytest.mark.parametrize(("abrupt", "word"), [(True, "ConnectionResetError"), (False, "b''")])
def test_how_the_caller_ends_is_seen_by_the_app(apps: ProcessRuntime, lease: Lease, abrupt: bool, word: str) -> None:
    for side in SIDES:
        with connected(lease, side, "wait") as client:
            eventually(lambda side=side: "it waits" in apps.log_tail(f"{side}-1/app"), within_s=60)
            if abrupt:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)
        eventually(lambda side=side: f"after waiting: {word}" in apps.log_tail(f"{side}-1/app"), within_s=60)


def test_what_the_app_calls_is_reached(apps: ProcessRuntime, lease: Lease, callee: socket.socket) -> None:
    for side in SIDES:
        with connected(lease, side, f"call {lease.network}.3.1 9000 hi") as client:
            far, _ = callee.accept()
            with far:
                assert far.makefile("rb").read() == b"hi\n"
                far.sendall(b"hello")
            assert everything(client) == b"hello"


def test_resets_of_what_the_app_calls(apps: ProcessRuntime, lease: Lease, callee: socket.socket) -> None:
    for side in SIDES:
        with connected(lease, side, f"call {lease.network}.3.1 9000 hi") as client:
            far, _ = callee.accept()
            with far:
                assert far.makefile("rb").read() == b"hi\n"
                far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPT)
            assert everything(client) == b"ConnectionResetError"


def test_a_call_where_nobody_listens_is_reset_and_what_is_not_named_is_not_there(
    apps: ProcessRuntime, lease: Lease, callee: socket.socket
) -> None:
    callee.close()
    said = {}
    for side in SIDES:
        with connected(lease, side, f"call {lease.network}.3.1 9000 hi") as client:
            said[side] = everything(client)
    assert said == {"together": b"ConnectionRefusedError", "apart": b"ConnectionResetError"}
    with (
        socket.create_server((f"{lease.network}.3.1", 9001)),
        connected(lease, "apart", f"call {lease.network}.3.1 9001 hi") as client,
    ):
        assert everything(client) == b"ConnectionRefusedError"


# -- what becomes of the app


def refused(lease: Lease, side: str) -> bool:
    try:
        connected(lease, side, "answer").close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_a_dead_app_refuses_connections_at_once_and_its_next_life_does_not(apps: ProcessRuntime, lease: Lease) -> None:
    for _ in range(3):
        with connected(lease, "apart", "wait") as client:
            apps.kill("apart-1/app")
            assert everything(client) in (b"", "0 bytes, then ConnectionResetError")
        assert refused(lease, "apart")
        apps.restart("apart-1/app")
        assert same(lease, "answer") == b"hello"


def test_an_app_that_listens_no_more_refuses_connections_though_it_lives(apps: ProcessRuntime, lease: Lease) -> None:
    for side in SIDES:
        with connected(lease, side, "deaf") as client:
            assert everything(client) == b"deaf"
        eventually(lambda side=side: refused(lease, side), within_s=60)
    assert apps.alive("apart-1/app")


def test_a_paused_app_takes_connections_and_is_silent(apps: ProcessRuntime, lease: Lease) -> None:
    def wait(client: socket.socket) -> object:
        client.settimeout(0.3)
        return everything(client)

    for side in SIDES:
        apps.pause(f"{side}-1/app")
    assert same(lease, "answer", wait) == "0 bytes, then TimeoutError"
    for side in SIDES:
        apps.resume(f"{side}-1/app")
    assert same(lease, "answer") == b"hello"


def test_a_throttled_app_answers(apps: ProcessRuntime, lease: Lease) -> None:
    apps.throttle("apart-1/app", 0.2)
    assert same(lease, "big") == bytes(BIG)
    apps.unthrottle("apart-1/app")
    assert same(lease, "answer") == b"hello"


@pytest.mark.needs("memory")
def test_a_memory_limit_is_the_apps_alone(apps: ProcessRuntime, lease: Lease) -> None:
    apps.confine("apart-1/app", 64)
    assert same(lease, "answer") == b"hello"
    groups = {pid: Path(f"/proc/{pid}/cgroup").read_text() for pid in relays(apps, lease)}
    assert len(groups) == 2
    assert Path(f"/proc/{apps.pid('apart-1/app')}/cgroup").read_text() not in groups.values()


def test_the_app_has_no_child_that_it_did_not_make(apps: ProcessRuntime, lease: Lease) -> None:
    pid = apps.pid("apart-1/app")
    assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
    assert len(relays(apps, lease)) == 2
    eventually(lambda: len(sockets(pid)) == 1, within_s=60)  # its own listener, when the first look at it has ended
    assert "0.0.0.0:8080" in proc.listening(pid)


@pytest.mark.parametrize("which", [0, 1])
def test_the_death_of_a_relay_is_not_hidden(apps: ProcessRuntime, lease: Lease, which: int) -> None:
    os.kill(sorted(relays(apps, lease))[which], signal.SIGKILL)
    eventually(apps.deaths, within_s=60)
    assert [death.name for death in apps.deaths()] == ["apart-1/app"]
    assert "a relay of this app's network has died" in apps.log_tail("apart-1/app")
    eventually(lambda: refused(lease, "apart"), within_s=60)


def test_a_graceful_end_is_the_apps_own(runtime: ProcessRuntime, lease: Lease) -> None:
    code = f"import signal\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), os._exit(0)))\n{APP}"
    made = app(lease, 1, apart=True)
    runtime.start([replace(made, argv=(*made.argv[:-1], code))], [])
    with closing(connected(lease, "apart", "wait")) as client:
        began = time.monotonic()
        runtime.terminate("apart-1/app", 60)
        took = time.monotonic() - began
        assert took >= 0.5, (runtime.log_tail("apart-1/app"), runtime.end_of("apart-1/app"))
        with suppress(ConnectionResetError):
            assert client.recv(10) == b""


def test_the_app_begins_when_no_signal_for_it_can_end_a_relay_any_more(
    runtime: ProcessRuntime, lease: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal for the app's group ends a relay that is still being started, and so would end the app too early."""
    late, begun, seen, finished = (tmp_path / name for name in ("relay", "begun", "seen", "finished"))
    late.write_text(LATE % (sys.executable, f"{lease.network}.3.1", str(begun), str(find("relay"))))
    late.chmod(0o755)
    monkeypatch.setenv("TESTBED_RELAY", str(late))
    look = f"import os, signal\nopen({str(seen)!r}, 'w').write(str(os.path.exists({str(begun)!r})))"
    ending = f"(time.sleep(0.5), open({str(finished)!r}, 'w').close(), os._exit(0))"
    made = app(lease, 1, apart=True)
    code = f"{look}\nsignal.signal(signal.SIGTERM, lambda *_: {ending})\n{APP}"
    runtime.start([replace(made, argv=(*made.argv[:-1], code))], [])
    runtime.terminate("apart-1/app", 60)
    assert seen.read_text() == "True"
    assert finished.exists()


def test_a_relay_says_when_it_ignores_what_is_for_the_app() -> None:
    (ours, theirs), (begun, begins) = socket.socketpair(), os.pipe()
    words = [str(find("relay")), str(theirs.fileno()), str(begins)]
    with (
        ours,
        theirs,
        open(begun, "rb") as closed,
        subprocess.Popen(words, pass_fds=(theirs.fileno(), begins), process_group=0) as relay,
    ):
        os.close(begins)
        assert closed.read() == b""
        (line,) = [line for line in Path(f"/proc/{relay.pid}/status").read_text().splitlines() if "SigIgn" in line]
        ignored = int(line.split()[1], 16)
        assert all(ignored >> number - 1 & 1 for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
        assert relay.poll() is None
        relay.kill()


def test_nothing_of_it_is_left_when_the_run_stops(apps: ProcessRuntime, lease: Lease) -> None:
    assert len(marked(mark(lease))) == 4
    apps.stop()
    assert marked(mark(lease)) == set()
