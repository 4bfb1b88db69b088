"""What is looked for before a mesh is started: folders, services that run already, and what the runtime asks for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.experiment.prepare import prepare
from testbed.experiment.progress import no_progress
from testbed.spec.load import load_topology
from testbed.spec.topology import Topology
from tests.kit.policies import shop


class Machine:
    """A runtime that remembers what it was to prepare."""

    asked: list[Topology] = []

    @classmethod
    def prepare(cls, topology: Topology, tell: Any) -> None:
        cls.asked.append(topology)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Machine, "asked", [])
    return Machine


@pytest.fixture
def taker() -> Iterator[int]:
    """A port of localhost that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def written(folder: Path, db: str) -> Topology:
    file = folder / "t.yaml"
    file.write_text(f"name: t\nentry: web\nservices:\n  web: {{language: go, calls: [db]}}\n  db: {db}\n")
    return load_topology(file)


def test_what_needs_nothing_stays_what_it_is(machine: Any) -> None:
    made = shop()
    assert prepare(made, machine, no_progress) is made
    assert machine.asked == [made]


def test_a_host_that_answers_becomes_its_address(tmp_path: Path, machine: Any, taker: int) -> None:
    made = written(tmp_path, f"{{address: 'localhost:{taker}'}}")
    found = prepare(made, machine, no_progress)
    assert found.services["db"].address == f"127.0.0.1:{taker}"
    assert found == made.with_overrides(addresses={"db": f"127.0.0.1:{taker}"})
    assert found.folder == tmp_path


def test_a_host_that_does_not_answer_is_named_with_its_place(tmp_path: Path, machine: Any, closed: int) -> None:
    made = written(tmp_path, f"{{address: 'localhost:{closed}'}}")
    with pytest.raises(TopologyError) as caught:
        prepare(made, machine, no_progress)
    assert str(caught.value) == (
        f"{tmp_path}/t.yaml:5: services.db.address: no service answers at localhost:{closed} (connection refused): "
        "it must run before the testbed starts"
    )
    assert not machine.asked


def test_a_folder_that_is_not_there_is_found_before_anything_is_built(tmp_path: Path, machine: Any) -> None:
    with pytest.raises(TopologyError, match=f"services.db.workdir: there is no folder {tmp_path}/nowhere"):
        prepare(written(tmp_path, "{command: [x], workdir: nowhere}"), machine, no_progress)
    assert not machine.asked
