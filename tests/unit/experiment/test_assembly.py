"""The parts of a mesh as they are put together: who knows whom, and what the arm of a test changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.experiment.arm import Arm
from testbed.experiment.assembly import Parts, assemble
from testbed.experiment.planning import plan_for
from testbed.experiment.traffic import Traffic
from testbed.faults import kill
from testbed.mesh.envoy.config import EnvoyMesh
from testbed.plan.values import AddressSpace
from tests.kit.idle_mesh import SHOP, Machine

Put = Callable[..., Parts]


class Elsewhere(Machine):
    """A runtime whose processes are reached at other addresses than they hear on."""

    def reach(self, address: str) -> str:
        return f"published:{address}"

    def kill(self, name: str) -> None:
        self.dead.add(name)

    def cannot(self, action: str) -> str:
        return ""


@pytest.fixture
def far() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def put(far: Any, tmp_path: Path) -> Put:
    def made(arm: Arm = Arm.AS_WRITTEN, traffic: Callable[[], Traffic | None] = lambda: None) -> Parts:
        return assemble(plan_for(SHOP, AddressSpace("127.9")), far, tmp_path, far, arm, traffic)

    return made


def test_a_runtime_that_does_not_stop_keeps_no_addresses(
    put: Put, far: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    monkeypatch.setattr(far, "stop", lambda: 1 / 0)
    monkeypatch.setattr(far, "release", lambda: done.append("release"))
    with pytest.raises(ZeroDivisionError):
        put().close()
    assert done == ["release"]


def test_everything_is_reached_where_the_runtime_says(put: Put) -> None:
    parts = put()
    admins = [log.admin for log in parts.logs if log.admin]
    assert f"published:{parts.plan.inlet_admin}" in admins
    assert len(admins) == len({*admins}) == 3
    assert all(admin.startswith("published:127.9.") for admin in admins)
    assert all(url.startswith("http://published:") for url in parts.entries.values())


@pytest.mark.parametrize(("arm", "dead"), [(Arm.AS_WRITTEN, {"c-1/app"}), (Arm.WITHOUT_FAULT, set())])
def test_the_arm_without_the_fault_breaks_nothing(
    put: Put, far: Elsewhere, monkeypatch: pytest.MonkeyPatch, arm: Arm, dead: set[str]
) -> None:
    parts = put(arm)
    for act in ("require", "apply", "undo"):
        monkeypatch.setattr(parts.links, act, lambda operations: None)
    with parts.injector.inject(parts.injector.check([kill().on(service="c")], parts.context({}, 1))):
        assert far.dead == dead
    assert [event.injected for event in parts.injector.events] == [bool(dead)]


def test_a_swap_pauses_the_load_that_is_on_then(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def traffic() -> None:
        asked.append("which load is on")

    parts = put(traffic=traffic)
    monkeypatch.setattr(EnvoyMesh, "drift", lambda mesh, admin, expected: "")
    monkeypatch.setattr(Elsewhere, "write", lambda machine, files: None, raising=False)
    assert asked == []
    with parts.swaps.begin({"a -> b": {"timeout": "2s"}}):
        assert asked == ["which load is on"]
        assert parts.plan.topology.policy("a -> b").timeout == 2000  # type: ignore[union-attr]


def test_the_calibration_without_policies_swaps_none(put: Put) -> None:
    parts = put(Arm.WITHOUT_POLICIES)
    before = parts.plan
    with parts.swaps.begin({"a -> b": {"timeout": "2s"}}):
        assert parts.plan == before


def test_the_end_of_all_parts_ends_the_processes(put: Put, far: Elsewhere) -> None:
    put().close()
    assert far.stopped
