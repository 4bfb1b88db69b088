"""The checks: one file and one line here for each. Packages add checks by the entry point group `testbed.checks`."""

from __future__ import annotations

from collections.abc import Callable

from testbed.checks.amplification import amplification as amplification
from testbed.checks.answered import answered as answered
from testbed.checks.attempts import attempts as attempts
from testbed.checks.availability import availability as availability
from testbed.checks.breaker import breaker as breaker
from testbed.checks.budget_respected import budget_respected as budget_respected
from testbed.checks.bulkhead import bulkhead as bulkhead
from testbed.checks.contained import contained as contained
from testbed.checks.deadline_kept import deadline_kept as deadline_kept
from testbed.checks.ejected import ejected as ejected
from testbed.checks.fallback import fallback as fallback
from testbed.checks.gives_up import gives_up as gives_up
from testbed.checks.judging.base import Check as Check
from testbed.checks.judging.base import EdgeCheck as EdgeCheck
from testbed.checks.judging.base import Outcome as Outcome
from testbed.checks.judging.base import Verdict as Verdict
from testbed.checks.judging.ineffective import ineffective_report as ineffective_report
from testbed.checks.judging.judge import judge as judge
from testbed.checks.judging.judge import judge_each as judge_each
from testbed.checks.judging.report import Report as Report
from testbed.checks.judging.saturation import SATURATED as SATURATED
from testbed.checks.judging.view import View as View
from testbed.checks.no_duplicate_effects import no_duplicate_effects as no_duplicate_effects
from testbed.checks.only_statuses import only_statuses as only_statuses
from testbed.checks.quantile import p50 as p50
from testbed.checks.quantile import p90 as p90
from testbed.checks.quantile import p99 as p99
from testbed.checks.quantile import quantile as quantile
from testbed.checks.recovers import recovers as recovers
from testbed.checks.sheds import sheds as sheds
from testbed.checks.slowest import slowest as slowest

CHECKS: dict[str, Callable[..., Check]] = {
    name: value
    for name, value in list(globals().items())
    for made in [getattr(value, "func", value)]  # p99 is quantile with one argument filled in
    if isinstance(made, type) and issubclass(made, Check) and made not in (Check, EdgeCheck)
}
