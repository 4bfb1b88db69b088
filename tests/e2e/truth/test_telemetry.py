"""Spans of the real SDK, over HTTP and gRPC, show what a service did inside, and never decide a verdict."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import History, NotContained, constant_rate, get, start, statuses
from testbed.experiment.testbed import Testbed
from testbed.spec.topology import Topology

pytestmark = pytest.mark.e2e
APP = [sys.executable, "-u", str(Path(__file__).parent / "telemetry" / "orders.py")]
SHORT = {"warmup_s": 0, "baseline_s": 0, "hold_s": 0.6, "recover_s": 0}


def shop(telemetry: str = "otlp") -> Topology:
    over_grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    services = {
        "front": {
            "language": "go",
            "routes": {
                f"/{to}/{path}": {"calls": [{"to": to, "path": f"/{path}"}]}
                for to in ("by-http", "by-grpc")
                for path in ("eager", "once")
            },
            "calls": ["by-http"],
        },
        "by-http": {"command": APP, "ready": {"within": "60s"}},
        "by-grpc": {"command": APP, "ready": {"within": "60s"}, "env": over_grpc},
    }
    return Topology(name="inside", entry="front", services=services, telemetry=telemetry)


@pytest.fixture(scope="module")
def inside() -> Iterator[Testbed]:
    with start(shop()) as running:
        yield running


@pytest.mark.parametrize("to", ["by-http", "by-grpc"])
def test_planted_a_service_that_asks_again_and_again_is_shown_under_a_red_verdict(
    inside: Testbed, to: str, tmp_path: Path
) -> None:
    run = inside.experiment(load=constant_rate(get(f"/{to}/eager"), rps=20), **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    (verdict,) = run.reports[-1].verdicts
    assert f"inside {to}-1: SELECT count(*) FROM stock: " in verdict.next
    assert "3 times, 3 failed (OperationalError: no such table: stock x 3)" in verdict.next
    assert "; breaker open" in verdict.next
    assert run.history.index.spans.keys() <= run.history.index.request_ids
    run.history.write(tmp_path / "run.jsonl")
    assert History.read(tmp_path / "run.jsonl").index.spans == run.history.index.spans


@pytest.mark.parametrize("to", ["by-http", "by-grpc"])
def test_fixed_a_service_that_asks_once_has_one_span_for_each_request(inside: Testbed, to: str) -> None:
    run = inside.experiment(load=constant_rate(get(f"/{to}/once"), rps=20), **SHORT)
    run.check(all=[statuses(200)])
    spans = run.history.index.spans
    assert {span.place for many in spans.values() for span in many} == {f"{to}-1"}
    assert {len(many) for many in spans.values()} == {1}
