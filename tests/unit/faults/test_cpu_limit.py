import pytest

from testbed.errors import FaultError
from testbed.faults import cpu_limit
from testbed.faults.operations import ProcessAction
from tests.kit.fault_context import CONTEXT


def test_one_throttle_a_replica_and_no_link_is_touched():
    assert cpu_limit(share=0.2).on(service="pricing").operations(CONTEXT, "f1") == (
        ProcessAction("pricing-1", "cpu", amount=0.2),
        ProcessAction("pricing-2", "cpu", amount=0.2),
    )


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, float("nan"), "half"])
def test_a_share_is_a_part_of_one_processor(share):
    with pytest.raises(FaultError, match="share is above 0 and below 1"):
        cpu_limit(share=share)


def test_an_edge_is_no_target():
    with pytest.raises(FaultError, match="not an edge"):
        cpu_limit(share=0.5).on("checkout -> pricing").operations(CONTEXT, "f1")
