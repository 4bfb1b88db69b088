"""What was written of a policy: its values by their YAML names, their places, and the policy without one of them."""

from __future__ import annotations

from testbed.spec.policies.policy import Policy
from testbed.spec.written import leaves, pruned, written

POLICY = Policy.model_validate({"edge": "a -> b", "timeout": "1s", "outlierDetection": {"maxEjectionPercent": 50}})


def test_defaults_are_not_written() -> None:
    assert list(written(POLICY)) == ["edge", "timeout", "outlierDetection"]
    assert written(POLICY)["outlierDetection"] is POLICY.outlier_detection


def test_every_value_has_a_place() -> None:
    assert list(leaves(POLICY)) == [("edge",), ("timeout",), ("outlierDetection", "maxEjectionPercent")]


def test_a_value_can_be_left_out_at_every_depth() -> None:
    assert "timeout" not in pruned(POLICY, ("timeout",))
    assert pruned(POLICY, ("outlierDetection", "maxEjectionPercent"))["outlierDetection"] == {}
    assert written(POLICY).keys() == {"edge", "timeout", "outlierDetection"}


def test_a_required_value_is_replaced() -> None:
    assert pruned(POLICY, ("edge",))["edge"] == 1
