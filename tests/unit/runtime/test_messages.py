"""What a runtime says of a process that does not come up."""

import pytest

from testbed.runtime.messages import keys_for


@pytest.mark.parametrize(
    ("place", "wanted", "keys"),
    [
        ("127.0.0.1:5000", "127.50.1.1:8080", "if it is meant to: binds: all, port: 5000"),
        (":::5000", "0.0.0.0:24000", "if it is meant to: binds: all, port: 5000"),
        ("127.0.0.1:8080", "127.50.1.1:8080", "if it is meant to: binds: all"),
        ("127.50.1.1:50051", "127.50.1.1:8080", "if it is meant to: port: 50051"),
        ("127.9.9.9:8080", "127.50.1.1:8080", "ADDR says where"),
    ],
)
def test_a_service_that_listens_elsewhere_is_told_what_a_topology_says_of_that(place: str, wanted: str, keys: str):
    assert keys_for(place, wanted) == keys
