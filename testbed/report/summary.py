"""The end of a pytest run: what every test broke, what stood against it, and whether that contained the failure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from testbed.checks.judging.formatting import plural
from testbed.checks.judging.report import Report
from testbed.report.console import in_memory, plain, text_of
from testbed.report.outcome import Narrative, TestOutcome, title

if TYPE_CHECKING:
    import pytest
    from rich.table import Table

    from testbed.checks import Verdict

CONTAINED, NOT_CONTAINED, NOT_PROVED = "contained", "not contained", "not proved"
COLOURS = {
    "held": "green",
    "violated": "red",
    "inconclusive": "yellow",
    CONTAINED: "bold green",
    NOT_CONTAINED: "bold red",
    NOT_PROVED: "bold yellow",
}
RESULTS = {"held": CONTAINED, "violated": NOT_CONTAINED, "inconclusive": NOT_PROVED}
EXPECTED = ", as expected"
WORDS = {
    "held": "proved by this run",
    "violated": "refuted by this run",
    "inconclusive": "too little evidence either way, which counts as red",
    "affected": "those whom the fault is meant for",
    "unaffected": "everybody else",
    "hold": "while the fault was in force",
    "recover": "after it was healed",
}


def read_judged(outcomes: Iterable[Mapping[str, Any]]) -> list[TestOutcome]:
    """Read outcomes from JSON data, and leave out tests without a verdict."""
    return [test for test in map(TestOutcome.from_data, outcomes) if test.verdicts]


def write_summary(terminal: pytest.TerminalReporter, tests: Sequence[TestOutcome], seed: int) -> None:
    """Write the summary, and the seed with which the run can be repeated; in a GitHub action, its step's summary."""
    terminal.section("testbed: what was broken, and what contained it", sep="=")
    terminal.write(summary(tests, width=terminal._tw.fullwidth, colour=terminal.hasmarkup))
    checks = sum(len(test.verdicts) for test in tests)
    red = sum(len(Report(test.verdicts).red) for test in tests if not test.passed)
    terminal.write_line("")
    terminal.write_line(f"{tally(tests)}. {plural(checks, 'check')}, {red} red.")
    terminal.write_line(f"The same again: --testbed-seed={seed}")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        from testbed.report.markdown import step_summary

        with open(path, "a", encoding="utf-8") as file:
            file.write(step_summary(tests))


def tally(tests: Sequence[TestOutcome]) -> str:
    """Return how many tests found their failure contained: `7 tests: 6 contained, 1 not contained, as expected`."""
    results = [result(test) for test in tests]
    counts = [f"{results.count(each)} {each}" for each in dict.fromkeys(results)]
    return f"{plural(len(results), 'test')}: {', '.join(counts)}"


def summary(tests: Sequence[TestOutcome], *, width: int, colour: bool) -> str:
    """Return the summary as text of at least 80 columns: a block for each test, and what the words in it mean."""
    from rich.padding import Padding

    out = in_memory(max(80, width), colour=colour)
    for test in tests:
        end = result(test)
        out.print()
        out.print(plain(title(test.test), "bold"), plain(end, COLOURS[end.removesuffix(EXPECTED)]), sep=": ")
        out.print(Padding(_facts(test), (0, 0, 0, 2)))
    out.print()
    out.print(Padding(_meaning(tests), (0, 0, 0, 2)))
    return text_of(out) + "\n"


def result(test: TestOutcome) -> str:
    """Return what the verdicts of one test come to: `contained`, or `not contained, as expected`."""
    worst = RESULTS[Report(test.verdicts).outcome]
    return worst + EXPECTED if worst != CONTAINED and test.passed else worst


def _facts(test: TestOutcome) -> Table:
    """What was broken, what stood against it, every verdict, and for a red one why and an example."""
    table = _pairs()
    _several(table, "broken", (text for one in test.reports for text in one.narrative.broken))
    _several(table, "defended by", (text for one in test.reports for text in one.narrative.against))
    _several(table, "warning", test.notes)
    for verdict in test.verdicts:
        table.add_row(plain(verdict.outcome, COLOURS[verdict.outcome]), plain(_sentence(verdict)))
    red = [(verdict, one.narrative) for one in test.reports for verdict in one.report.verdicts if _is_red(verdict)]
    _several(table, "why", (verdict.why for verdict, _ in red))
    _several(table, "for example", (verdict.next for verdict, _ in red if test.passed))
    _several(table, "look at", (text for verdict, narrative in red for text in _leads(verdict, narrative)))
    return table


def _is_red(verdict: Verdict) -> bool:
    return verdict.outcome != "held"


def _leads(verdict: Verdict, narrative: Narrative) -> Iterator[str]:
    """The warnings about the policies that may explain a red verdict: too many attempts come from retries."""
    counted = verdict.check.startswith("attempts")
    return (text for text in narrative.warnings if ("retries multiply" in text) == counted)


def _several(table: Table, name: str, texts: Iterable[str]) -> None:
    """Add every different text below one name."""
    for number, text in enumerate(dict.fromkeys(filter(None, texts))):
        table.add_row(plain("" if number else name, "dim"), plain(text))


def _sentence(verdict: Verdict) -> str:
    """Return `affected, hold: fallback list-price: 30 of 30 answers (asked: all with list-price)`."""
    seen = f"{verdict.observed or 'not judged'} (asked: {verdict.bound})"
    return f"{verdict.population}, {verdict.phase}: {verdict.title}: {seen}"


def _meaning(tests: Sequence[TestOutcome]) -> Table:
    verdicts = [verdict for test in tests for verdict in test.verdicts]
    used = {word for one in verdicts for word in (one.outcome, one.population, one.phase)}
    table = _pairs()
    for word, meaning in WORDS.items():
        if word in used:
            table.add_row(plain(word, "dim"), plain(meaning, "dim"))
    return table


def _pairs() -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=len("inconclusive"))
    table.add_column(overflow="fold")
    return table
