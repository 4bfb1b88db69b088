from testbed.faults import pause
from testbed.faults.operations import ProcessAction
from tests.kit.fault_context import CONTEXT


def test_one_signal_a_replica_and_no_link_is_touched():
    assert pause().on(service="pricing").operations(CONTEXT, "f1") == (
        ProcessAction("pricing-1", "pause"),
        ProcessAction("pricing-2", "pause"),
    )
