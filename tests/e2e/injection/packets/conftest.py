"""Packet faults need a kernel and a user that may drop packets."""

import pytest

from testbed import topology
from tests.kit.needs import need

small = topology("../../small.yaml", scope="module", policies={"front -> back": {"timeout": "20s"}})


@pytest.fixture(scope="session", autouse=True)
def packets_can_be_dropped():
    """Skip where this user cannot; how that is said is tested in tests/plugin/test_plugin_packets.py."""
    need("packets")
