"""The load driver's life: stopping, closing, dying, being used from anywhere; and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from testbed.errors import TestbedError, Unavailable
from testbed.history.events import Request
from testbed.load.driver import Driver
from testbed.load.schedule import Schedule
from testbed.load.workload import constant_rate, get
from tests.kit import ROOT
from tests.kit.programs.load_server import Server, alive, ask, one, pid_of, wait_until

pytestmark = pytest.mark.e2e


def test_stop_sends_what_is_due_by_then_and_lets_it_end(binary: Path, server: Server) -> None:
    with Driver(binary, {"shop-1": server.url}, timeout_s=60) as driver:
        start = time.time() + 0.02
        driver.send([one("/", 1), one("/", 2, at=0.1), one("/", 3, at=60)], start_at=start)
        driver.send([one("/", 4, at=60)], start_at=start)
        driver.stop(until=start + 0.2)  # before the second is due: it is sent, and early rather than never
        assert driver.wait_idle(5)
        assert {request.id: request.status for request in driver.results()} == {"r1": 200, "r2": 200}
        assert len(server.heads) == 2
        driver.send([one("/", 5)])
        assert driver.wait_idle(5)
        assert driver.results()[-1].id == "r5"


def test_waiting_says_when_something_is_in_flight(binary: Path, server: Server) -> None:
    with Driver(binary, {"shop-1": server.url}, timeout_s=60) as driver:
        driver.send([one("/silent")])
        wait_until(lambda: bool(server.heads))
        begin = time.monotonic()
        assert not driver.wait_idle(0.2)
        assert time.monotonic() - begin >= 0.2


def test_close_ends_the_process_at_once_and_keeps_the_results(binary: Path, server: Server) -> None:
    driver = Driver(binary, {"shop-1": server.url}, timeout_s=60).start()
    driver.send([one("/", 1)])
    assert driver.wait_idle()
    driver.send([one("/silent", 2), one("/", 3, at=60)])
    driver.close()
    driver.close()
    assert driver.exit_code == 0  # it was not killed
    assert [request.status for request in driver.results()] == [200]
    with pytest.raises(TestbedError, match="closed"):
        driver.send([one("/", 4)])
    with pytest.raises(TestbedError, match="closed"):
        driver.wait_idle()


def test_a_stopped_process_cannot_hold_up_close(binary: Path, server: Server) -> None:
    driver = Driver(binary, {"shop-1": server.url}).start()
    os.kill(pid_of(driver), signal.SIGSTOP)
    driver.send(
        Schedule(constant_rate(get("/"), rps=1000), 1).take(2)
    )  # more than the pipe holds: still returns at once
    driver.close()
    assert not alive(pid_of(driver))


def test_a_dead_driver_is_our_trouble(binary: Path, server: Server) -> None:
    with Driver(binary, {"shop-1": server.url}) as driver:
        driver.send([one("/", 1, at=60)])
        threading.Timer(0.2, os.kill, (pid_of(driver), signal.SIGKILL)).start()
        with pytest.raises(TestbedError, match="killed by signal 9"):
            driver.wait_idle()
        with pytest.raises(TestbedError, match="killed by signal 9"):
            driver.send([one("/", 2)])


def test_a_dead_driver_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "load"
    broken.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n")
    broken.chmod(0o755)
    words = "ended with code 3 before the end of the load; its output: out of order"
    with pytest.raises(TestbedError, match=words):
        ask(broken, "http://127.0.0.1:1", "/")


def test_a_missing_driver_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        Driver(tmp_path / "load", {"shop-1": "http://127.0.0.1:1"}).start()


def test_bad_use_is_refused(binary: Path, server: Server) -> None:
    with pytest.raises(TestbedError, match="at least one target"):
        Driver(binary, {})
    with pytest.raises(TestbedError, match="is not a base URL"):
        Driver(binary, {"shop-1": "127.0.0.1:80"})
    with pytest.raises(TestbedError, match="timeout_s=0"):
        Driver(binary, {"shop-1": server.url}, timeout_s=0)
    with pytest.raises(TestbedError, match="was not started"):
        Driver(binary, {"shop-1": server.url}).send([])
    with Driver(binary, {"shop-1": server.url}) as driver:
        driver.send([one("/", 1)])
        with pytest.raises(TestbedError, match="used twice"):
            driver.send([one("/", 1)])


@pytest.mark.parametrize(("count", "code"), [(1, 0), (2, 2)], ids=["between-chunks", "within-a-chunk"])
def test_the_process_ends_when_its_input_does(binary: Path, count: int, code: int) -> None:
    process = subprocess.Popen([binary, "127.0.0.1:1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(b'{"cmd":"chunk","chunk":0,"start":%d,"count":%d}\n' % (time.time() + 600, count))
    process.stdin.write(b'{"offset":0,"id":"a","target":0,"method":"GET","path":"/","headers":{}}\n')
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)  # its request is due in ten minutes
    process.stdin.close()
    assert process.wait(60) == code


@pytest.mark.parametrize("line", [b"not JSON\n", b'{"cmd":"dance"}\n', b'{"cmd":"chunk","count":1}\n{"target":7}\n'])
def test_a_line_that_it_does_not_know_ends_the_process_with_a_word(binary: Path, line: bytes) -> None:
    done = subprocess.run([binary, "127.0.0.1:1"], input=line, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"load: ")


PARENT = """
import os, sys, time
from pathlib import Path
from testbed.load.driver import Driver
from testbed.load.schedule import Schedule
from testbed.load.workload import constant_rate, get
driver = Driver(Path(sys.argv[1]), {"shop-1": sys.argv[2]}).start()
quiet = sys.argv[3] == "heir"
driver.send(Schedule(constant_rate(get("/"), rps=100), 1).take(60), start_at=time.time() + (60 if quiet else 0))
print(driver.pid, flush=True)
if quiet:
    import subprocess
    fds = [int(fd) for fd in os.listdir("/proc/self/fd")]
    held = [fd for fd in fds if fd > 2 and "pipe:" in os.path.realpath(f"/proc/self/fd/{fd}")]
    subprocess.Popen(["sleep", "20"], pass_fds=held, stdout=subprocess.DEVNULL)
    print("heir", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("heir", ["alone", "heir"])
def test_a_killed_parent_takes_the_driver_with_it(binary: Path, server: Server, heir: str) -> None:
    """Even where another process has inherited its input, and it has nothing to write: then it watches its parent."""
    words = [sys.executable, "-c", PARENT, str(binary), server.url, heir]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if heir == "heir":
            assert parent.stdout.readline() == "heir\n"
        else:
            wait_until(lambda: len(server.heads) > 5)
        assert alive(pid)
        parent.kill()
        wait_until(lambda: not alive(pid), 30)  # its load goes on for a minute
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_it_works_inside_a_running_event_loop(binary: Path, server: Server) -> None:
    async def main() -> list[Request]:
        with Driver(binary, {"shop-1": server.url}) as driver:
            driver.send(Schedule(constant_rate(get("/"), rps=100), 1).take(0.2))
            assert driver.wait_idle()
            return driver.results()

    assert len(asyncio.run(main())) == 20


def test_it_may_be_used_from_many_threads(binary: Path, server: Server) -> None:
    with Driver(binary, {"shop-1": server.url}) as driver:

        def send(number: int) -> None:
            driver.send(Schedule(constant_rate(get("/"), rps=100), 1, prefix=f"t{number}-").take(0.3))
            driver.results()

        threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert driver.wait_idle()
        results = driver.results()
    assert len({request.id for request in results}) == len(results) == 120
