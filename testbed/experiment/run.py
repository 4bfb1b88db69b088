"""The result of a load: one closed history, which can be judged many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from testbed.errors import Inconclusive, TestbedError
from testbed.experiment.arm import Arm
from testbed.history.file import History

if TYPE_CHECKING:
    from testbed.checks import Check, Report
    from testbed.experiment.looked_at import LookedAt


class Run:
    """The closed history of one load. It can be judged many times, also offline."""

    def __init__(self, history: History, arm: Arm = Arm.AS_WRITTEN) -> None:
        self.history = history
        self.arm = arm
        self.judged: list[Report] = []  # every report, in order
        self._given: list[LookedAt] = []  # the same, as the test has them
        self._raised: list[tuple[LookedAt, Inconclusive]] = []

    @property
    def reports(self) -> list[Report]:
        """Every report on this run so far; reading it counts as a look at each."""
        for report in self._given:
            report.look()
        return self.judged

    @property
    def overlooked(self) -> list[Report]:
        """The red reports of `judge` that the test never looked at."""
        raised = [report for report, _ in self._raised]
        return [
            report.plain
            for report in self._given
            if not report.looked_at and report.plain.outcome != "held" and not any(report is one for one in raised)
        ]

    @property
    def swallowed(self) -> list[Report]:
        """The inconclusive reports that the test caught without a word of `Inconclusive`, and never looked at."""
        from testbed.experiment.swallowed import is_meant

        return [report.plain for report, error in self._raised if not report.looked_at and not is_meant(error)]

    @property
    def warnings(self) -> list[str]:
        """Warnings about the services: links that were never used, context that is not propagated."""
        from testbed.history.propagation import notes

        return notes(self.history.index)

    def judge(self, **populations: Sequence[Check]) -> Report:
        """Evaluate every check and return the report without raising for red verdicts.

        Look at it, as in `assert run.judge(all=[...])`: a test that ends without a look at a red report fails.
        """
        from testbed.checks import judge
        from testbed.experiment.looked_at import LookedAt

        report = judge(self.history, **populations)
        if any(not earlier.blind for earlier in self.judged):
            report = replace(report, blind="")
        self.judged.append(report)
        self._given.append(LookedAt(report))
        return self._given[-1]

    def check(self, **populations: Sequence[Check]) -> Report:
        """Evaluate every check; raise `NotContained` or `Inconclusive` once, with all verdicts in one table.

        Populations: `all`, `affected` and `unaffected` (by the fixed scope of the faults: users or a cohort),
        `touched` and `untouched` (selected from the record, so only descriptive).
        """
        if self.arm is not Arm.AS_WRITTEN:
            return self._judge_each(populations)
        report = self.judge(**populations)
        self._raise_if_red(self._given[-1])
        return report

    def end(self, report: Report) -> NoReturn:
        """Raise the report on a run that ended before its fault, as `Inconclusive`; the run is still recorded."""
        from testbed.experiment.looked_at import LookedAt

        self.judged.append(report)
        self._given.append(LookedAt(report))
        self._raise_if_red(self._given[-1])
        raise TestbedError(f"a run that held cannot end early: {report.headline}")

    def _raise_if_red(self, report: LookedAt) -> None:
        from testbed.report.failure import raise_if_red

        report.look()
        try:
            raise_if_red(report.plain)
        except Inconclusive as error:
            report.forget()
            self._raised.append((report, error))
            raise

    def _judge_each(self, populations: Mapping[str, Sequence[Check]]) -> Report:
        """Collect every verdict for a calibration."""
        from testbed.checks import judge_each

        report = judge_each(self.history, **populations)
        self.judged.append(report)
        return report
