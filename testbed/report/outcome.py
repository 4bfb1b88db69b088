"""The result of one test as one value: the pytest plugin writes it, reports and campaigns read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from testbed.report.injected import Injected

if TYPE_CHECKING:
    from testbed.checks import Outcome, Report, Verdict

THEN_HELD = "violated, then held"  # a claim, in two tries of one test

Ended = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
Asserts = Literal["held", "violated", "error", "checks"]
Key = tuple[int, str, str, str, int]  # run, check, population, phase, and a number if these are equal


@dataclass(frozen=True, slots=True)
class Narrative:
    """The faults of a run and the policies in effect, in plain words. All empty if the run has no such record."""

    broken: tuple[str, ...] = ()
    against: tuple[str, ...] = ()  # the policies in effect
    warnings: tuple[str, ...] = ()  # about the topology's policies
    notes: tuple[str, ...] = ()  # about the services
    own: tuple[str, ...] = ()  # calls of the services' own, which no request caused
    probes: tuple[str, ...] = ()  # the series of each probe


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """One judgement of a run: its verdicts and its narrative."""

    report: Report
    narrative: Narrative = Narrative()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """One run of a test: every report on it, and how far the testbed lacked CPU time ("" if it did not)."""

    reports: tuple[ReportOutcome, ...] = ()
    starved: str = ""
    links: Mapping[str, str] = field(default_factory=dict)  # link -> "" if it was used, else what to say of it


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """The result of one test: its outcome in pytest, the result of its asserts, every run and every fault."""

    __test__ = False

    test: str  # pytest's node id
    outcome: Ended
    asserts: Asserts = "held"  # the result of its own code; "checks": a red check ended it
    why: str = ""  # the first line of the error that ended it
    seconds: float = 0.0
    seed: int = 0
    runs: tuple[RunOutcome, ...] = ()
    injected: tuple[Injected, ...] = ()
    control: str | None = None  # the reason given to @pytest.mark.control
    history: str = ""  # the path of its history
    then_held: str = ""  # why it failed although every claim held in its last try: one was violated before

    @property
    def passed(self) -> bool:
        """Whether pytest counts it as passed."""
        return self.outcome in ("passed", "xpassed")

    @property
    def expected(self) -> bool:
        """Whether pytest expected this outcome."""
        return self.passed or self.outcome == "xfailed"

    @property
    def reports(self) -> tuple[ReportOutcome, ...]:
        """The reports of all runs."""
        return tuple(one for run in self.runs for one in run.reports)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of all runs."""
        return tuple(verdict for one in self.reports for verdict in one.report.verdicts)

    @property
    def report(self) -> Report:
        """All verdicts as one report. It is blind if every report on one of the runs is."""
        from testbed.checks import Report

        runs = (run.reports for run in self.runs if run.reports and all(one.report.blind for one in run.reports))
        blind = next((reports[0].report.blind for reports in runs), "")
        return Report(self.verdicts, test=self.test, blind=blind)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes about the services, each once."""
        return tuple(dict.fromkeys(note for one in self.reports for note in one.narrative.notes))

    @property
    def starved(self) -> str:
        """How far the testbed lacked CPU time in one of the runs, "" if it did not."""
        return next((run.starved for run in self.runs if run.starved), "")

    @property
    def keyed(self) -> Mapping[Key, Verdict]:
        """The verdicts by run, check, population and phase; the first run is 1."""
        count: Counter[tuple[int, str, str, str]] = Counter()
        keyed: dict[Key, Verdict] = {}
        for number, run in enumerate(self.runs, start=1):
            for verdict in (verdict for one in run.reports for verdict in one.report.verdicts):
                about = (number, verdict.check, verdict.population, verdict.phase)
                keyed[(*about, count[about])] = verdict
                count[about] += 1
        return keyed

    def of(self, outcome: Outcome) -> list[Verdict]:
        """Return the verdicts of one outcome."""
        return [verdict for verdict in self.verdicts if verdict.outcome == outcome]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data, for another process."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_data` returned."""
        runs = tuple(
            RunOutcome(tuple(map(_report, run["reports"])), run["starved"], run.get("links", {}))
            for run in data["runs"]
        )
        injected = tuple(Injected(**_tuples(one)) for one in data["injected"])
        return cls(**{**data, "runs": runs, "injected": injected})


def _report(data: Mapping[str, Any]) -> ReportOutcome:
    from testbed.checks import Report, Verdict

    verdicts = tuple(Verdict(**one) for one in data["report"]["verdicts"])
    return ReportOutcome(Report(**{**data["report"], "verdicts": verdicts}), Narrative(**_tuples(data["narrative"])))


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn every list of JSON data into a tuple."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def never_used(tests: Iterable[TestOutcome]) -> list[str]:
    """Return what there is to say of links that no run of these tests used."""
    links = [link for test in tests for run in test.runs for link in run.links.items()]
    used = {link for link, said in links if not said}
    return list({link: said for link, said in links if link not in used}.values())


def title(test: str) -> str:
    """A test's name as words: `test_one_bad_replica` is "one bad replica"."""
    return test.rpartition("::")[2].removeprefix("test_").replace("_", " ")


def titles(tests: Sequence[str]) -> list[str]:
    """Return a name for each test: its name as words, or its test id if the words alone are ambiguous.

    Words are ambiguous if there is only one, if they have a parameter (`red[20]`), or if two tests have the same ones.
    """
    words = [title(test) for test in tests]
    return [
        name if " " in name and "[" not in name and words.count(name) == 1 else test
        for name, test in zip(words, tests, strict=True)
    ]
