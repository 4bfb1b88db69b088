"""Owns a run in containers, says so on stdout, and then waits for its end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from testbed.runtime.docker.lease import lease_network
from testbed.runtime.docker.runtime import DockerRuntime
from tests.kit.processes import server


def main(directory: str) -> None:
    lease = lease_network()
    runtime = DockerRuntime(Path(directory), lease)
    runtime.start([server(lease, 1), server(lease, 2)], [])
    told = {"run": lease.run, "reaper": lease.guard.pid, "pids": list(runtime.backend.containers.pids())}
    print(json.dumps(told), flush=True)
    time.sleep(120)


if __name__ == "__main__":
    main(sys.argv[1])
