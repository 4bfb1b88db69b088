"""Owns a run, says so on stdout, and then ends in the way that it is told on the command line."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from testbed.runtime.process.backend import ProcessBackend
from testbed.runtime.process.lease import lease_block
from testbed.runtime.process.runtime import ProcessRuntime
from tests.kit.processes import WITH_STRAY, server


def main(ending: str, directory: str, mark: str) -> None:
    lease = lease_block()
    runtime = ProcessRuntime(Path(directory), lease)
    env = {"MARK": mark}
    runtime.start([server(lease, 1, env=env), server(lease, 2, code=WITH_STRAY, env=env)], [])
    if ending == "limited":  # one process stands still nearly all of the time, the other is in a control group
        runtime.throttle("s2-1/app", 0.01)
        if not runtime.cannot("memory"):
            runtime.confine("s1-1/app", 64)
    if ending == "forked":  # a child that holds our end of the reaper's pipes, whatever becomes of us
        if (child := os.fork()) == 0:
            time.sleep(600)
            os._exit(0)
    else:
        child = 0
    backend = runtime.backend
    assert isinstance(backend, ProcessBackend)
    print(json.dumps({"block": lease.block, "reaper": backend.reaper.reaper_pids, "child": child}), flush=True)
    if ending == "raise":
        raise RuntimeError("the owner has had enough")
    if ending != "exit":
        time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
