"""A service that keeps the context of a request in a global variable, and one that keeps it with the request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed import Inconclusive, attempts, constant_rate, get, start
from testbed.experiment.run import Run
from testbed.history.mixed_up import mixed_up

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent / "mixed-up"
EDGE = "web -> pricing"
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.5, "hold_s": 1, "recover_s": 0.1}


def ran(file: str) -> Run:
    with start(HERE / file) as shop:
        return shop.experiment(load=constant_rate(get("/"), rps=30), **SHORT)


def test_planted_the_ids_of_a_global_variable_are_named_as_mixed_up() -> None:
    run = ran("global.yaml")
    with pytest.raises(Inconclusive, match="web mixes up the context of requests"):
        run.check(all=[attempts(EDGE, exactly=1, per="request")])
    (found,) = mixed_up(run.history.index)
    assert (found.edge, found.over > found.calls / 4) == (EDGE, True)
    assert any("global variable" in warning for warning in run.warnings)


def test_fixed_ids_that_stay_with_their_request_prove_the_claim() -> None:
    run = ran("each.yaml")
    run.check(all=[attempts(EDGE, exactly=1, per="request")])
    assert run.warnings == []
