from testbed.faults import pause
from testbed.faults.operations import Signal
from tests.kit.fault_context import SITE


def test_one_signal_a_replica_and_no_link_is_touched():
    assert pause().on(service="pricing").operations(SITE, "f1") == (
        Signal("pricing-1", "pause"),
        Signal("pricing-2", "pause"),
    )
