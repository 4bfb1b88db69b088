"""The configuration that an Envoy tells is the one that was written, however it spells it."""

from typing import Any

import pytest

from testbed.envoy.readback import first_difference


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"timeout": "0.15s"}, {"timeout": "0.150s"}),
        ({"attempts": 5}, {"attempts": "5"}),
        ({"percent": 20.0}, {"percent": 20}),
        ({"on": False, "none": 0, "empty": {}, "list": [], "lb_policy": "ROUND_ROBIN"}, {}),
        ({"path": "{dir}/a-1/mesh.log"}, {"path": "/tmp/x/a-1/mesh.log"}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "more": 2}], "c": 3}),
    ],
)
def test_the_same_in_other_words(wanted: Any, found: Any) -> None:
    assert first_difference(wanted, found) == ""


@pytest.mark.parametrize(
    ("wanted", "found", "text"),
    [
        ({"timeout": "0.15s"}, {"timeout": "1.5s"}, "timeout is '1.5s', not '0.15s'"),
        ({"a": {"on": True}}, {"a": {}}, "a.on is None, not True"),
        ({"a": {"on": False}}, {"a": {"on": True}}, "a.on is True, not False"),
        ({"a": [1, 2]}, {"a": [1]}, "a is [1], not [1, 2]"),
        ({"a": [{"n": 1}, {"n": 2}]}, {"a": [{"n": 1}, {"n": 3}]}, "a[1].n is 3, not 2"),
        ({"lb_policy": "RANDOM"}, {}, "lb_policy is None, not 'RANDOM'"),
        ({"lb_policy": "ROUND_ROBIN"}, {"lb_policy": "RANDOM"}, "lb_policy is 'RANDOM', not 'ROUND_ROBIN'"),
        ({"n": 1}, {"n": True}, "n is True, not 1"),
    ],
)
def test_another_value_is_named_with_its_place(wanted: Any, found: Any, text: str) -> None:
    assert first_difference(wanted, found) == text
