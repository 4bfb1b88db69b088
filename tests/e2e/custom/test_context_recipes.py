"""The two lines of OpenTelemetry that a service is told which drops the context: after them it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed import abort, attempts, constant_rate, get, start, statuses
from testbed.errors import Inconclusive
from testbed.experiment.record import of_running_test
from testbed.experiment.run import Run
from testbed.history.instrumentation import RECIPES
from testbed.spec.topology import Topology
from tests.kit.recipes import APPS, VENV, mended, prepared, put_on_path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # the first time on a machine, packages are installed

EDGE = "web -> pricing"
LOAD = constant_rate(get("/"), rps=20, users=20, cohorts={"oslo": "50%"})


def broken_for_some(web: dict[str, Any]) -> Run:
    shop = Topology(name="otel", entry="web", services={"web": web, "pricing": {"language": "go"}})
    with start(shop) as running:
        fault = abort(503).on(EDGE).for_cohort("oslo")
        return running.experiment(fault, load=LOAD, warmup_s=0.4, baseline_s=0.4, hold_s=0.6, recover_s=0)


@pytest.mark.parametrize("language", APPS)
def test_the_recipe_mends_what_drops_the_context(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(monkeypatch, tmp_path)
    folder = prepared(language)
    monkeypatch.setenv("PATH", str(folder / VENV), prepend=":")
    web = {**APPS[language].plain, "workdir": str(folder), "calls": ["pricing"]}
    with pytest.raises(Inconclusive, match=r"web\s+does\s+not\s+propagate\s+baggage"):
        broken_for_some(web)
    (warning,) = of_running_test().runs[-1].warnings
    assert RECIPES[language] in warning

    handed_on = broken_for_some(web | mended(language))
    assert handed_on.warnings == []
    handed_on.check(all=[attempts(EDGE, exactly=1)], affected=[statuses(503)], unaffected=[statuses(200)])
