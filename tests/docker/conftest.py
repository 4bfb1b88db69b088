"""What the tests in containers share: a daemon and the base image, or one line that says why all are skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import Testbed, start
from testbed.runtime.docker import leftovers
from testbed.runtime.docker.engine import Engine
from testbed.runtime.docker.lease import DockerLease, lease_network
from testbed.runtime.docker.runtime import DockerRuntime
from tests.kit import MESHES
from tests.kit.needs import need


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[Engine]:
    need("image")
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def _patient_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a busy daemon does not list within two seconds is there all the same."""
    monkeypatch.setattr(leftovers, "LOOK_S", 60.0)


@pytest.fixture
def lease() -> Iterator[DockerLease]:
    lease = lease_network()
    yield lease
    lease.release()


@pytest.fixture
def runtime(tmp_path: Path, lease: DockerLease) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime(tmp_path / "run", lease)
    yield runtime
    runtime.stop()


@pytest.fixture(scope="session")
def small_in_docker(engine: Engine) -> Iterator[Testbed]:
    with start(MESHES / "small.yaml", runtime="docker", policies={"front -> back": {"timeout": "20s"}}) as bed:
        yield bed


@pytest.fixture(scope="session")
def heavy_in_docker(engine: Engine) -> Iterator[Testbed]:
    with start(MESHES / "heavy.yaml", runtime="docker") as bed:
        yield bed


@pytest.fixture
def small(small_in_docker: Testbed) -> Iterator[Testbed]:
    yield small_in_docker
    small_in_docker.clean()


@pytest.fixture
def heavy(heavy_in_docker: Testbed) -> Iterator[Testbed]:
    yield heavy_in_docker
    heavy_in_docker.clean()
