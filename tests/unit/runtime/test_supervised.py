"""The flow of every runtime, over a backend that only notes its orders: order, readiness, ends, deaths, limits."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.errors import TestbedError, Unavailable
from testbed.plan.values import File, Process, Ready
from testbed.runtime import Drain, NotReady
from testbed.runtime.lives import Life, Lives
from testbed.runtime.probes import Ask
from testbed.runtime.supervised import SupervisedRuntime


class Noting:
    """Implements `testbed.runtime.backend.Backend`: a process is ready at once, and ends as soon as it is told to."""

    def __init__(self) -> None:
        self.lives: Lives[Life] = Lives()
        self.orders: list[tuple[object, ...]] = []
        self.trouble = ""  # what has become of the backend itself
        self.ignores: set[signal.Signals] = set()
        self.why: Callable[[str], str] = lambda name: ""  # why a process is not ready
        self.lacks_memory = ""
        self.closed: set[str] = set()  # processes that take no new connections

    def require(self, processes: Sequence[Process]) -> None:
        self.orders.append(("require", *(one.name for one in processes)))

    def begin(self, processes: Sequence[Process]) -> None:
        self.orders.append(("begin",))

    def check(self) -> None:
        if self.trouble:
            raise TestbedError(self.trouble)

    def close(self) -> None:
        self.orders.append(("close",))

    def launch(self, processes: Mapping[str, Process]) -> dict[str, str | Ask]:
        self.orders.append(("launch", *processes))
        with self.lives.locked() as lives:
            lives |= {name: Life(alive=True) for name in processes}
        return {name: lambda name=name: self.why(name) for name in processes}

    def hint(self, name: str) -> str:
        return f" (hint for {name})"

    def end(self, names: Iterable[str], number: signal.Signals = signal.SIGKILL) -> None:
        for name in names:
            self.orders.append((number.name, name))
            self.lives.expect_exit([name])
            if number not in self.ignores:
                self.lives.ended(name, 1.0, f"killed by {number.name}")

    def handles_sigterm(self, name: str) -> bool:
        return signal.SIGTERM not in self.ignores

    def is_listening(self, name: str) -> bool:
        return name not in self.closed

    @contextmanager
    def refusing(self, name: str, addresses: Sequence[str]) -> Iterator[Callable[[], None]]:
        yield lambda: self.orders.append(("refuse", name, *addresses))

    def pause(self, name: str) -> None:
        self.orders.append(("pause", name))

    def resume(self, name: str) -> None:
        self.orders.append(("resume", name))

    def throttle(self, name: str, share: float) -> None:
        self.orders.append(("throttle", name, share))

    def confine(self, name: str, mb: int) -> None:
        self.orders.append(("confine", name, mb))

    def free(self, name: str) -> None:
        self.orders.append(("free", name))

    def cannot(self, action: str) -> str:
        return self.lacks_memory if action == "memory" else ""

    def pid(self, name: str) -> int:
        return 7

    def log_tail(self, name: str, lines: int) -> str:
        return f"the log of {name}"

    def cpu_seconds(self, name: str) -> float:
        return 1.5

    def reach(self, address: str) -> str:
        return address

    def inside(self, name: str) -> tuple[str, ...]:
        return ("enter", name)


def process(name: str, *, custom: bool = False, needs: tuple[str, ...] = ()) -> Process:
    return Process(name, "app", ("python",), Ready("http://127.0.0.1:1/"), custom=custom, needs=needs)


PROXY, ONE = process("one-1/proxy"), process("one-1/app", custom=True)
TWO = process("two-1/app", custom=True, needs=(ONE.name,))


@pytest.fixture
def backend() -> Noting:
    return Noting()


@pytest.fixture
def runtime(backend: Noting, tmp_path: Path) -> SupervisedRuntime:
    return SupervisedRuntime(tmp_path / "run", backend, ready_s=0.05)


@pytest.fixture
def running(backend: Noting, runtime: SupervisedRuntime) -> SupervisedRuntime:
    runtime.start([PROXY, ONE], [])
    backend.orders.clear()
    return runtime


def test_a_start_checks_first_and_follows_needs(backend: Noting, runtime: SupervisedRuntime, tmp_path: Path) -> None:
    runtime.start([TWO, ONE, PROXY], [File("a.txt", "in {dir}")])
    launched = [("launch", one.name) for one in (PROXY, ONE, TWO)]
    assert backend.orders == [("require", TWO.name, ONE.name, PROXY.name), ("begin",), *launched]
    assert (tmp_path / "run/a.txt").read_text() == f"in {tmp_path}/run"
    with pytest.raises(TestbedError, match="is already started"):
        runtime.start([], [])


def test_a_missing_program_is_an_error_before_anything_is_made(
    backend: Noting, runtime: SupervisedRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(processes: Sequence[Process]) -> None:
        raise Unavailable("no envoy")

    monkeypatch.setattr(backend, "require", missing)
    with pytest.raises(Unavailable, match="no envoy"):
        runtime.start([ONE], [])
    runtime.stop()
    assert backend.orders == []
    assert not (tmp_path / "run").exists()


def test_a_process_that_is_not_ready_in_time_ends_the_run_with_hint_and_log(
    backend: Noting, runtime: SupervisedRuntime
) -> None:
    backend.why = lambda name: "connection refused"
    with pytest.raises(TestbedError) as error:
        runtime.start([ONE], [])
    assert "not ready after 0.05 s:" in str(error.value)
    assert "connection refused (hint for one-1/app)" in str(error.value)
    assert "the log of one-1/app" in str(error.value)
    assert backend.orders[-1] == ("close",)


def test_a_process_that_ends_before_it_is_ready_ends_the_wait(backend: Noting, tmp_path: Path) -> None:
    def ends(name: str) -> str:
        backend.lives.ended(name, 1.0, "exit code 3")
        return "not yet"

    backend.why = ends
    with pytest.raises(NotReady, match=r"one-1/app ended before it was ready \(exit code 3\)"):
        SupervisedRuntime(tmp_path / "run", backend, ready_s=600).start([ONE], [])
    assert backend.orders[-1] == ("close",)


def test_a_kill_is_not_a_death_and_needs_a_running_process(backend: Noting, running: SupervisedRuntime) -> None:
    running.kill(ONE.name)
    assert backend.orders == [("SIGKILL", ONE.name)]
    assert running.deaths() == []
    assert not running.alive(ONE.name)
    for act in (running.kill, running.pause, running.resume, running.pid, lambda name: running.terminate(name, 1)):
        with pytest.raises(TestbedError, match=r"one-1/app is not running \(killed by SIGKILL\)"):
            act(ONE.name)


def test_a_restart_kills_removes_limits_and_launches(backend: Noting, running: SupervisedRuntime) -> None:
    running.kill(PROXY.name)
    backend.orders.clear()
    running.restart_all([ONE.name, PROXY.name])
    assert backend.orders == [
        ("SIGKILL", ONE.name),
        ("free", ONE.name),
        ("free", PROXY.name),
        ("launch", PROXY.name),
        ("launch", ONE.name),
    ]


def test_a_process_that_ends_after_sigterm_is_not_killed(backend: Noting, running: SupervisedRuntime) -> None:
    assert running.terminate(ONE.name, 60).event == "ended"
    assert backend.orders == [("SIGTERM", ONE.name)]


def test_a_process_that_ignores_sigterm_is_killed(backend: Noting, running: SupervisedRuntime) -> None:
    backend.ignores = {signal.SIGTERM}
    ending = running.terminate(ONE.name, 0.01)
    assert ending.event == "killed"
    assert "it has no handler for SIGTERM" in ending.detail
    assert backend.orders == [("SIGTERM", ONE.name), ("SIGKILL", ONE.name)]


def test_links_refuse_after_the_drain_delay_or_as_soon_as_the_process_does(
    backend: Noting, running: SupervisedRuntime
) -> None:
    backend.ignores = {signal.SIGTERM}
    expected = [("SIGTERM", ONE.name), ("refuse", "links", "l:1"), ("SIGKILL", ONE.name)]
    for closed, delay_s in ((set[str](), 0.001), ({ONE.name}, 60.0)):
        backend.closed = closed
        backend.orders.clear()
        running.terminate(ONE.name, 0.05, Drain("links", ("l:1",), delay_s))
        assert backend.orders == expected
        running.restart(ONE.name)


def test_links_stay_open_where_the_delay_is_longer_than_the_process_takes(
    backend: Noting, running: SupervisedRuntime
) -> None:
    running.terminate(ONE.name, 9, Drain("links", ("l:1",), 60.0))
    assert backend.orders == [("SIGTERM", ONE.name)]


def test_a_hook_before_the_stop_delays_sigterm_within_the_time(backend: Noting, running: SupervisedRuntime) -> None:
    begun = time.time()
    ending = running.terminate(ONE.name, 9, Drain(pre_stop_s=0.05))
    assert ending.asked - begun >= 0.05
    assert backend.orders == [("SIGTERM", ONE.name)]


def test_a_death_by_a_memory_limit_is_part_of_the_error(backend: Noting, running: SupervisedRuntime) -> None:
    backend.lives.ended(ONE.name, 1.0, "exit code 1")

    def starves(name: str) -> str:
        backend.lives.ended(name, 2.0, "killed by SIGKILL")
        return "not yet"

    backend.why = starves
    with pytest.raises(
        TestbedError, match=r"one-1/app does not become ready with 8 MiB of memory: .*killed by SIGKILL"
    ):
        running.confine(ONE.name, 8)
    assert backend.orders == [("confine", ONE.name, 8), ("launch", ONE.name)]
    assert [death.at for death in running.deaths()] == [1.0]


def test_without_memory_limits_nothing_is_killed(backend: Noting, running: SupervisedRuntime) -> None:
    backend.lacks_memory = "no control groups"
    with pytest.raises(Unavailable, match="no control groups"):
        running.confine(ONE.name, 8)
    assert backend.orders == []


def test_a_dead_process_needs_no_unthrottling(backend: Noting, running: SupervisedRuntime) -> None:
    running.throttle(ONE.name, 0.2)
    running.unthrottle(ONE.name)
    running.kill(ONE.name)
    running.unthrottle(ONE.name)
    assert backend.orders == [("throttle", ONE.name, 0.2), ("throttle", ONE.name, 1), ("SIGKILL", ONE.name)]


def test_every_method_reports_the_death_of_the_backend(backend: Noting, running: SupervisedRuntime) -> None:
    backend.trouble = "the reaper has died"
    for act in (running.deaths, lambda: running.kill(ONE.name), lambda: running.restart(ONE.name)):
        with pytest.raises(TestbedError, match="the reaper has died"):
            act()


def test_a_stopped_run_takes_no_orders(backend: Noting, running: SupervisedRuntime) -> None:
    running.stop()
    running.stop()
    assert backend.orders == [("close",)]
    with pytest.raises(TestbedError, match="this run is stopped"):
        running.restart(ONE.name)
    assert running.deaths() == []


def test_an_unknown_name_gets_the_nearest(running: SupervisedRuntime) -> None:
    with pytest.raises(TestbedError, match=r"no process called 'one-1/ap' \(did you mean 'one-1/app'\?\)"):
        running.inside("one-1/ap")


def test_nothing_runs_before_the_start(runtime: SupervisedRuntime) -> None:
    with pytest.raises(TestbedError, match="is not started"):
        runtime.deaths()
