"""What the end-to-end tests share: small meshes, real and clean for every test, and a bare runtime."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import topology
from testbed.runtime.lease import Lease, lease_block
from testbed.runtime.process import ProcessRuntime

small = topology("small.yaml", scope="module")
unmeshed = topology("small.yaml", mesh="none", scope="module")
heavy = topology("heavy.yaml", scope="module")


@pytest.fixture
def lease() -> Iterator[Lease]:
    lease = lease_block()
    yield lease
    lease.release()


@pytest.fixture
def runtime(tmp_path: Path, lease: Lease) -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime(tmp_path / "run", lease)
    yield runtime
    runtime.stop()
