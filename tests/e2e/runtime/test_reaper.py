"""A reaper that is stopped or hangs does not keep a run from ending."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.runtime import proc
from testbed.runtime.process import reaper_client
from testbed.runtime.process.lease import Lease
from testbed.runtime.process.runtime import ProcessRuntime
from tests.kit.processes import eventually, server

pytestmark = pytest.mark.e2e


def test_a_reaper_that_was_stopped_goes_on_to_stop_the_run(runtime: ProcessRuntime, lease: Lease) -> None:
    one = server(lease)
    runtime.start([one], [])
    pid, reapers = runtime.pid(one.name), runtime.backend.reaper.reaper_pids
    for reaper in reapers:
        os.kill(reaper, signal.SIGSTOP)
    runtime.stop()
    assert not any(map(proc.states, [pid, *reapers]))


def test_a_reaper_that_hangs_is_killed_with_the_run(
    tmp_path: Path, runtime: ProcessRuntime, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = server(lease)
    runtime.start([one], [])
    pid, pids = runtime.pid(one.name), runtime.backend.reaper.reaper_pids
    for each in pids:
        os.kill(each, signal.SIGSTOP)
    monkeypatch.setattr(signal, "SIGCONT", signal.SIGWINCH)  # so it stays as it is
    monkeypatch.setattr(reaper_client, "STOP_S", 0.2)
    with pytest.raises(TestbedError, match=r"reaper \(pid \d+\) did not end within 0.2 s, so it was killed"):
        runtime.stop()
    eventually(lambda: not any(map(proc.started, [pid, *pids])))
    assert not (tmp_path / "run").exists()
