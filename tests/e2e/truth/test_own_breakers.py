"""Breakers in an app, where no proxy could refuse: the calls that it makes show whether it opened."""

from __future__ import annotations

import pytest

from testbed import NotContained, circuit_breaker, constant_rate, get, hang, topology
from testbed.experiment.testbed import Testbed

pytestmark = pytest.mark.e2e
TIMES = {"warmup_s": 0.2, "baseline_s": 1, "hold_s": 2.5, "recover_s": 1.8}


page = topology("own-breaker/topology.yaml", scope="module")


def test_fixed_a_breaker_that_counts_timeouts_opens_tries_and_closes(page: Testbed) -> None:
    run = page.experiment(hang().on("page -> seeing"), load=constant_rate(get("/seeing"), rps=20), **TIMES)
    claim = circuit_breaker("page -> seeing", opens_within_s=2, attempts_while_open=4, probes=1, closes_within_s=1)
    run.check(all=[claim])
    (verdict,) = run.reports[-1].verdicts
    assert verdict.observed.startswith("page-1 (the app itself) opened after ")


def test_planted_a_breaker_that_is_blind_to_timeouts_never_opens(page: Testbed) -> None:
    run = page.experiment(hang().on("page -> blind"), load=constant_rate(get("/blind"), rps=20), **TIMES)
    with pytest.raises(NotContained):
        run.check(all=[circuit_breaker("page -> blind", opens_within_s=2)])
    (verdict,) = run.reports[-1].verdicts
    assert verdict.observed.startswith("page-1 (the app itself) never opened: ")
