"""The `process` runtime: a plan as ordinary processes on loopback addresses, none of which outlives its owner."""

from __future__ import annotations

from pathlib import Path

from testbed.runtime.process.backend import ProcessBackend
from testbed.runtime.process.lease import Lease, lease_block
from testbed.runtime.supervised import SupervisedRuntime

READY_S = 20.0  # for a process to be ready


class ProcessRuntime(SupervisedRuntime):
    """Runs one plan in `directory`, which it makes (it must be new or empty) and removes at the end unless `keep`.

    Implements `testbed.runtime.Runtime`. However its owner ends, its processes and the directory go within 2 s.
    """

    def __init__(self, directory: Path, lease: Lease, *, keep: bool = False, ready_s: float = READY_S) -> None:
        super().__init__(directory, ProcessBackend(directory, lease, keep), ready_s)

    @classmethod
    def lease(cls) -> Lease:
        """Lease a block of loopback addresses. Raises `TestbedError` when all are taken."""
        return lease_block()
