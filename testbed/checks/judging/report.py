"""All verdicts of one run. The report is green only if every claim holds."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.checks.judging.base import PRINTED, Outcome, Verdict
from testbed.checks.judging.formatting import count, plural

NO_CHECK = "load without any check: nothing was verified. Add run.check(all=[...])"
BLIND = (
    "only the time before the fault was judged, so no check looked at what the fault did: judge that in the same "
    "run.check(...)"
)


@dataclass(frozen=True)
class Report:
    """The verdicts on one run in the order of the checks, with test, mesh and seed.

    It is true if every claim held: `assert run.judge(all=[...])`.
    """

    verdicts: tuple[Verdict, ...]
    test: str = ""
    mesh: str = ""
    seed: int | None = None
    blind: str = ""  # why the report says nothing about the faults of the run, "" if it does

    def __bool__(self) -> bool:
        """Whether every claim held."""
        return self.outcome == "held"

    @property
    def outcome(self) -> Outcome:
        """The worst outcome. A report without a verdict, or blind to the faults of its run, is inconclusive."""
        for worst in ("violated", "inconclusive"):
            if self.of(worst):
                return worst
        return "held" if self.verdicts and not self.blind else "inconclusive"

    @property
    def red(self) -> tuple[Verdict, ...]:
        """The verdicts that are not held, violated ones first."""
        return self.of("violated") + self.of("inconclusive")

    def of(self, outcome: Outcome) -> tuple[Verdict, ...]:
        """Return the verdicts of one outcome."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == outcome)

    @property
    def headline(self) -> str:
        """The whole report in one line."""
        if not self.verdicts:
            return NO_CHECK
        parts = [f"{count(len(found))} {PRINTED[kind]}" for kind in _KINDS if (found := self.of(kind))]
        line = f"{plural(len(self.verdicts), 'check')}: {', '.join(parts)}"
        if not self.red:
            return "; ".join(filter(None, (line, self.blind)))
        first = self.red[0]
        return f"{line}; {first.check} for {first.population}: {first.observed or 'not judged'}, expected {first.bound}"


_KINDS: tuple[Outcome, ...] = ("violated", "inconclusive", "held")
