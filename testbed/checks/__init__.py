"""The checks: one file and one line here for each. Packages add checks by the entry point group `testbed.checks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from testbed.checks.at_most_once import at_most_once as at_most_once
from testbed.checks.attempts import attempts as attempts
from testbed.checks.availability import availability as availability
from testbed.checks.bulkhead import bulkhead as bulkhead
from testbed.checks.call_duration import call_duration as call_duration
from testbed.checks.call_statuses import call_statuses as call_statuses
from testbed.checks.circuit_breaker import circuit_breaker as circuit_breaker
from testbed.checks.contained import contained as contained
from testbed.checks.deadline_propagation import deadline_propagation as deadline_propagation
from testbed.checks.fallback import fallback as fallback
from testbed.checks.judging.base import Check as Check
from testbed.checks.judging.base import EdgeCheck as EdgeCheck
from testbed.checks.judging.base import Outcome as Outcome
from testbed.checks.judging.base import Verdict as Verdict
from testbed.checks.judging.ineffective import ineffective_report as ineffective_report
from testbed.checks.judging.judge import judge as judge
from testbed.checks.judging.judge import judge_each as judge_each
from testbed.checks.judging.report import Report as Report
from testbed.checks.judging.saturation import SATURATED as SATURATED
from testbed.checks.judging.series import ProbeCheck as ProbeCheck
from testbed.checks.judging.view import View as View
from testbed.checks.load_shedding import load_shedding as load_shedding
from testbed.checks.max_latency import max_latency as max_latency
from testbed.checks.outlier_ejection import outlier_ejection as outlier_ejection
from testbed.checks.probe import probe as probe
from testbed.checks.probe_availability import probe_availability as probe_availability
from testbed.checks.probe_effects import probe_effects as probe_effects
from testbed.checks.probe_steady import probe_steady as probe_steady
from testbed.checks.quantile import p50 as p50
from testbed.checks.quantile import p90 as p90
from testbed.checks.quantile import p99 as p99
from testbed.checks.quantile import quantile as quantile
from testbed.checks.recovery import recovery as recovery
from testbed.checks.responses import responses as responses
from testbed.checks.retry_amplification import retry_amplification as retry_amplification
from testbed.checks.retry_budget import retry_budget as retry_budget
from testbed.checks.statuses import statuses as statuses
from testbed.renamed import CHECKS as OLD_NAMES
from testbed.renamed import by_old_name

CHECKS: dict[str, Callable[..., Check]] = {
    name: value
    for name, value in list(globals().items())
    for made in [getattr(value, "func", value)]  # p99 is quantile with one argument filled in
    if isinstance(made, type) and issubclass(made, Check) and made not in (Check, EdgeCheck, ProbeCheck)
}

if not TYPE_CHECKING:  # to a type checker an old name is unknown

    def __getattr__(name: str) -> object:
        """Offer a check by its old name, with a warning."""
        return by_old_name(__name__, OLD_NAMES, name)
