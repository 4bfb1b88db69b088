from site_of_faults import SITE

from testbed.edge.operations import Signal
from testbed.faults import pause


def test_one_signal_a_replica_and_no_link_is_touched():
    assert pause().on(service="pricing").operations(SITE, "f1") == (
        Signal("pricing-1", "pause"),
        Signal("pricing-2", "pause"),
    )
