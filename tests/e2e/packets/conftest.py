"""Packet faults need a kernel and a user that may drop packets."""

import pytest

from testbed.edge.packets import Packets
from testbed.edge.places import Places
from testbed.errors import Unsupported
from testbed.plan import Ground


@pytest.fixture(scope="session", autouse=True)
def packets_can_be_dropped():
    """Skip where this user cannot; how that is said is tested in tests/plugin/test_plugin_packets.py."""
    packets = Packets([], Ground("127.0"), Places(()))
    try:
        packets.ready()
    except Unsupported as reason:
        pytest.skip(str(reason))
    finally:
        packets.close()
