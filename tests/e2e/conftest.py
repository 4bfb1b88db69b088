"""What the end-to-end tests share: small meshes, real and clean for every test, and a bare runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed import topology
from testbed.runtime.process.lease import Lease, lease_block
from testbed.runtime.process.runtime import ProcessRuntime

if TYPE_CHECKING:
    from tests.kit.grpc_planes import Door
    from tests.kit.planes import Stage

small = topology("small.yaml", scope="module")
patient = topology("small.yaml", policies={"front -> back": {"timeout": "20s"}}, scope="module")
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


@pytest.fixture
def rpc(started: Stage) -> Iterator[Stage]:
    """The module's stage of gRPC, as at its start."""
    from tests.kit.grpc_planes import echo

    started.control.set([])
    started.behave(echo)
    started.forget()
    yield started
    started.control.set([])


@pytest.fixture
def door(rpc: Stage) -> Iterator[Door]:
    """A client of that stage."""
    from tests.kit.grpc_planes import Door

    made = Door(rpc.door)
    yield made
    made.close()
