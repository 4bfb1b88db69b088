"""A service that drops the context and hands on another header: the warning names the line that mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed import Inconclusive, attempts, constant_rate, get, start
from testbed.experiment.run import Run
from tests.kit.programs.small_service import command, written

pytestmark = pytest.mark.e2e
EDGE = "web -> back"
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.4, "hold_s": 0.7, "recover_s": 0}


def ran(folder: Path, header: str, **more: Any) -> Run:
    web = command() | {"calls": ["back"], "env": {"CALLS": "BACK_URL", "FORWARD": header}}
    services = {"front": {"language": "go", "calls": ["web"]}, "web": web, "back": {"language": "go"}}
    with start(written(folder, services, forwardHeaders=["x-ot-span-context"], **more)) as shop:
        return shop.experiment(load=constant_rate(get("/"), rps=20), **SHORT)


@pytest.mark.parametrize("header", ["x-ot-span-context", "x-request-id"])
def test_planted_the_header_that_is_handed_on_is_named(tmp_path: Path, header: str) -> None:
    run = ran(tmp_path, header)
    with pytest.raises(Inconclusive, match="carry no request id"):
        run.check(all=[attempts(EDGE, exactly=1)])
    (said,) = run.warnings
    assert f"web hands on {header}: add it to the topology (contextHeaders: [{header}])" in said


@pytest.mark.parametrize("header", ["x-ot-span-context", "x-request-id"])
def test_fixed_with_that_line_the_claim_is_proved(tmp_path: Path, header: str) -> None:
    run = ran(tmp_path, header, contextHeaders=[header])
    assert run.warnings == []
    run.check(all=[attempts(EDGE, exactly=1)])
