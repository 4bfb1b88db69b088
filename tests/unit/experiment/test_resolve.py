"""A topology is resolved the same in every arm, but for the policies of the arm that has none."""

from __future__ import annotations

import pytest

from testbed.errors import TopologyError
from testbed.experiment.arm import Arm
from testbed.experiment.resolve import resolve
from testbed.spec.topology import Topology
from tests.kit.policies import shop

BARE = Arm.WITHOUT_POLICIES


def test_with_overrides() -> None:
    assert resolve(shop(), {"replicas": {"db": 3}}) == shop().with_overrides(replicas={"db": 3})


def test_the_arm_without_policies() -> None:
    made = resolve(shop(), {"replicas": {"db": 3}, "policies": {"web -> api": {"timeout": "9s"}}}, BARE)
    assert made.policies == ()
    assert made.services["db"].replicas == 3
    with pytest.raises(TopologyError, match="no edge 'web -> apj'"):
        resolve(shop(), {"policies": {"web -> apj": None}}, BARE)


@pytest.mark.parametrize("overrides", [{}, {"replicas": {"db": 3}, "mesh": "none"}])
def test_it_is_derived_at_most_once(overrides: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    read, derived = shop(), []
    original = Topology.derived
    monkeypatch.setattr(Topology, "derived", lambda self, data: derived.append(data) or original(self, data))
    resolve(read, overrides, BARE)  # type: ignore[arg-type]
    assert len(derived) == bool(overrides)
