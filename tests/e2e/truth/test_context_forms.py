"""A context in any form that HTTP allows: faults and the record read the same in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import abort, attempts, constant_rate, get, start, statuses
from testbed.history.propagation import context_losses

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent / "context-forms" / "topology.yaml"


def test_steady_lines_capitals_nine_kilobytes_and_percent_encoding_are_read_alike() -> None:
    with start(HERE) as shop:
        fault = abort(503).on("web -> pricing").for_users(percent=50)
        load = constant_rate(get("/"), rps=40)
        run = shop.experiment(fault, load=load, warmup_s=0.2, baseline_s=0.5, hold_s=1, recover_s=0.2)
    exact = attempts("web -> pricing", exactly=1, per="request")
    run.check(all=[exact], affected=[statuses(503)], unaffected=[statuses(200)])
    index = run.history.index
    assert context_losses(index) == ()
    for seen in (index.attempts, index.calls, index.arrivals):
        assert {event.request for event in seen.on("web -> pricing")} == index.request_ids  # type: ignore[attr-defined]
