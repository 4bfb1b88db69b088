"""How many examples a property test draws: few in `make test`, `TESTBED_EXAMPLES` (20,000) in `make fuzz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings


def examples(few: int, among: int = 1) -> Callable[[Any], Any]:
    """Decorate a property test: no example has a deadline, for the machine may be busy.

    `among`: the number of parameters that share the many examples.
    """
    drawn = max(few, int(os.environ.get("TESTBED_EXAMPLES", few)) // among)
    limits = settings(
        deadline=None,
        database=None,
        max_examples=drawn,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    return lambda test: pytest.mark.fuzz(limits(test))
