"""Ctrl-C and SIGTERM in mid-test: the report of what ran stays, and nothing else; also of xdist, soak, calibrate."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.kit.processes import eventually
from tests.kit.scene import Scene, descendants, many, some

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
BOTH = (signal.SIGINT, signal.SIGTERM)

RED_THEN_WAITS = """
def test_red(tiny):
    run = tiny.experiment(abort(503).on("front -> back"), load=constant_rate(get("/"), rps=50),
                          warmup_s=0, baseline_s=0.1, hold_s=0.3, recover_s=0.1)
    run.check(all=[statuses(200)])

def test_waits(tiny):
    with tiny.load(constant_rate(get("/"), rps=20)) as traffic, tiny.inject(cpu_limit(share=0.2).on(service="back")):
        Path("up").touch()
        try:
            traffic.run(for_s=60)
        except Exception:
            pass  # an interrupt is no exception of the test's
    traffic.result().check(all=[statuses(200)])

def test_of_the_other_worker():
    Path("red").touch()
"""


@pytest.mark.parametrize("number", BOTH, ids=lambda number: number.name)
def test_the_report_and_the_kept_history_stay(tmp_path: Path, number: signal.Signals) -> None:
    scene = Scene(tmp_path, RED_THEN_WAITS)
    with scene.run() as victim:
        scene.up(victim)
        victim.process.send_signal(number)
        said = victim.end()
        scene.assert_gone(victim)
    assert victim.process.returncode == 2, said
    assert "1 failed" in said
    assert "1 FAIL" in said
    assert "KeyboardInterrupt" in said
    assert [path.name[:15] for path in scene.project.glob(".testbed/*/*")] == ["test-it-py-test"]


@many
@pytest.mark.parametrize("number", BOTH, ids=lambda number: number.name)
def test_a_second_signal_at_once_does_not_break_off_the_tidying_up(tmp_path: Path, number: signal.Signals) -> None:
    """As where a whole process group is signalled, and then its leader."""
    scene = Scene(tmp_path, RED_THEN_WAITS)
    with scene.run() as victim:
        scene.up(victim)
        victim.process.send_signal(number)
        time.sleep(0.02)
        victim.process.send_signal(signal.SIGTERM)
        assert "1 failed" in victim.end()
        scene.assert_gone(victim)


@pytest.mark.parametrize("number", some(*reversed(BOTH)), ids=lambda number: number.name)
def test_the_workers_of_xdist_end_with_their_controller_and_its_report(tmp_path: Path, number: signal.Signals) -> None:
    scene = Scene(tmp_path, RED_THEN_WAITS)
    with scene.run("-n", "2", EXECNET_DEBUG="2") as victim:
        scene.up(victim)
        eventually((scene.project / "red").exists, within_s=60)
        victim.note()
        victim.process.send_signal(number)
        said = victim.end()
        assert "trying interrupt_main" not in said  # what execnet does by itself, but only after five seconds
        scene.assert_gone(victim)
    assert "1 failed" in said
    assert "1 FAIL" in said


ENDS = [(command, number) for number in BOTH for command in ("soak", "calibrate")]


@pytest.mark.parametrize(("command", "number"), some(*reversed(ENDS)))
def test_soak_and_calibrate_take_their_suite_with_them(tmp_path: Path, command: str, number: signal.Signals) -> None:
    scene = Scene(tmp_path)
    with scene.run(command, module="testbed") as victim:
        scene.up(victim)
        assert descendants(victim.process.pid)
        victim.process.send_signal(number)
        victim.end()
        scene.assert_gone(victim)


@many
def test_a_killed_soak_leaves_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.run("soak", module="testbed") as victim:
        scene.up(victim)
        victim.kill()
        victim.process.wait()
        scene.assert_gone(victim)
