"""A mesh is started step by step; a step that fails takes back those before it, the last one first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from testbed.errors import TestbedError, TopologyError
from testbed.experiment import launch as launching
from testbed.experiment.launch import launch
from testbed.plan.make import Plan
from testbed.plan.values import AddressSpace
from testbed.runtime import NotReady
from tests.kit.policies import shop

SPACE = AddressSpace("127.9")


class Machine:
    """A runtime that starts nothing and remembers what it was told; `trouble` comes with the step that it names."""

    def __init__(self, trouble: dict[str, Exception]) -> None:
        self.told: list[str] = []
        self.trouble = trouble
        self.space = SPACE

    def __call__(self, directory: Path, lease: object, *, keep: bool) -> Machine:
        self.directory, self.kept = directory, keep
        return self

    def step(self, name: str) -> None:
        self.told.append(name)
        if name in self.trouble:
            raise self.trouble[name]

    def prepare(self, topology: object, tell: object) -> None:
        self.step("prepare")

    def lease(self) -> Machine:
        self.step("lease")
        return self

    def address_space(self, space: AddressSpace, topology: object) -> AddressSpace:
        self.step("address_space")
        return replace(space, wildcard_ports=(22_360,))

    def start(self, processes: Any, files: Any) -> None:
        self.files = [file.path for file in files]
        self.directory.mkdir()
        self.step("start")

    def stop(self) -> None:
        self.told.append("stop")

    def release(self) -> None:
        self.told.append("release")


def ready(monkeypatch: pytest.MonkeyPatch, folder: Path, **trouble: Exception) -> Machine:
    """Let `launch` use such a runtime, and hand back the plan in place of a `Testbed`."""
    machine = Machine(trouble)

    def assembled(plan: Plan, *rest: object) -> Plan:
        machine.step("assemble")
        return plan

    monkeypatch.setattr(launching, "runtime_class", lambda name: machine)
    monkeypatch.setattr(launching, "sweep", lambda: machine.told.append("sweep"))
    monkeypatch.setattr(launching.folders, "new", lambda keep: folder / "run")
    monkeypatch.setattr(launching, "Testbed", assembled)
    return machine


STEPS = ["prepare", "sweep", "lease", "address_space", "start", "assemble"]


def test_every_step_once_and_in_this_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine, said = ready(monkeypatch, tmp_path), []
    plan: Any = launch(shop(), say=lambda text, for_s=0: said.append(text), keep=tmp_path)
    assert machine.told == STEPS
    assert machine.kept
    assert said == ["starting t"]
    assert plan.space == replace(SPACE, wildcard_ports=(22_360,))
    assert "run.json" in machine.files
    assert machine.directory.is_dir()


@pytest.mark.parametrize(
    ("step", "undone"),
    [
        ("prepare", []),
        ("lease", []),
        ("address_space", ["release"]),
        ("start", ["stop", "release"]),
        ("assemble", ["stop", "release"]),
    ],
)
def test_what_fails_leaves_nothing(
    step: str, undone: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = ready(monkeypatch, tmp_path, **{step: TestbedError("no")})
    with pytest.raises(TestbedError, match="no"):
        launch(shop())
    assert machine.told == [*STEPS[: STEPS.index(step) + 1], *undone]
    assert not (tmp_path / "run").exists()


def test_a_proxy_that_refuses_its_configuration_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = ready(monkeypatch, tmp_path, start=NotReady("web-1/proxy ended", "web-1/proxy"))
    monkeypatch.setattr(
        launching, "explain", lambda error, plan: TopologyError(f"{error.process} of {len(plan.links)}")
    )
    with pytest.raises(TopologyError, match="web-1/proxy of 7"):
        launch(shop())
    assert machine.told[-2:] == ["stop", "release"]
