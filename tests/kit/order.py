"""In which order tests run: each worker of xdist begins with some that take long, or they would be waited for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import ceil
from typing import TypeVar

import pytest

Item = TypeVar("Item")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests that are marked `minutes` over the beginnings of the workers' shares."""
    long = [item for item in items if item.get_closest_marker("minutes")]
    rest = [item for item in items if not item.get_closest_marker("minutes")]
    items[:] = spread(long, rest, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def spread(long: Sequence[Item], rest: Sequence[Item], workers: int) -> list[Item]:
    """Return all items so that each of `workers` equal shares begins with its part of the long ones.

    The shares are those of xdist's `worksteal`: consecutive, the remainder in the last ones. The rest keeps its order.
    """
    long, rest, ordered = list(long), list(rest), []
    for left in range(workers, 0, -1):
        size = (len(long) + len(rest)) // left
        first = min(size, ceil(len(long) / left))
        ordered += [*long[:first], *rest[: size - first]]
        del long[:first], rest[: size - first]
    return ordered
