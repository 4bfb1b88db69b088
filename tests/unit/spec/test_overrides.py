"""The overrides are the same wherever they are taken, and any other keyword is refused."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from testbed import start, topology
from testbed.spec.overrides import Overrides, given
from tests.kit.policies import shop

ALL = {"mesh", "placement", "policies", "replicas", "addresses", "request_faults"}


def test_none_is_dropped_and_false_is_kept() -> None:
    assert given("f", {"mesh": None, "replicas": {"a": 2}, "request_faults": False}) == {
        "replicas": {"a": 2},
        "request_faults": False,
    }


def test_there_are_six_overrides() -> None:
    assert set(Overrides.__annotations__) == ALL
    assert given("f", dict.fromkeys(ALL, 1)).keys() == ALL


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("topology", lambda: topology("shop.yaml", meshh="none")),  # type: ignore[call-arg]
        ("start", lambda: start("shop.yaml", meshh="none").__enter__()),  # type: ignore[call-arg]
        ("with_overrides", lambda: shop().with_overrides(meshh="none")),  # type: ignore[call-arg]
    ],
)
def test_an_unknown_keyword_is_an_error_before_a_file_is_read(name: str, wrong: Any) -> None:
    words = rf"{name}\(\) got an unexpected keyword argument 'meshh' \(did you mean 'mesh'\?\)"
    with pytest.raises(TypeError, match=words):
        wrong()


@pytest.mark.parametrize("function", [topology, start])
def test_the_docstring_lists_the_overrides(function: Any) -> None:
    assert all(f"`{name}`" in str(inspect.getdoc(function)) for name in ALL)
