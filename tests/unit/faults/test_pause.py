from site_of_faults import SITE

from testbed.faults import pause
from testbed.faults.operations import Signal


def test_one_signal_a_replica_and_no_link_is_touched():
    assert pause().on(service="pricing").operations(SITE, "f1") == (
        Signal("pricing-1", "pause"),
        Signal("pricing-2", "pause"),
    )
