"""What a runtime says of a process that does not come up."""

import pytest

from testbed.runtime.messages import keys_for


@pytest.mark.parametrize(
    ("place", "wanted", "keys"),
    [
        ("127.0.0.1:5000", "127.50.1.1:8080", "to allow this, set binds: all, port: 5000"),
        (":::5000", "0.0.0.0:24000", "to allow this, set binds: all, port: 5000"),
        ("127.0.0.1:8080", "127.50.1.1:8080", "to allow this, set binds: all"),
        ("127.50.1.1:50051", "127.50.1.1:8080", "to allow this, set port: 50051"),
        ("127.9.9.9:8080", "127.50.1.1:8080", "it must listen at the address in ADDR"),
    ],
)
def test_a_wrong_address_gives_a_hint_with_topology_keys(place: str, wanted: str, keys: str):
    assert keys_for(place, wanted) == keys
