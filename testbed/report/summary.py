"""The summary after a pytest run: the faults of each test, the policies in effect, and the verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from testbed.checks.judging.base import PRINTED
from testbed.checks.judging.formatting import plural
from testbed.checks.judging.report import Report
from testbed.errors import visible
from testbed.report.console import in_memory, plain, text_of
from testbed.report.outcome import THEN_HELD, Narrative, TestOutcome, never_used, titles

if TYPE_CHECKING:
    import pytest
    from rich.table import Table

    from testbed.checks import Verdict

CONTAINED, NOT_CONTAINED, UNKNOWN = "contained", "not contained", "inconclusive"
COLOURS = {
    "PASS": "green",
    "FAIL": "red",
    "INCONCLUSIVE": "yellow",
    CONTAINED: "bold green",
    NOT_CONTAINED: "bold red",
    UNKNOWN: "bold yellow",
    THEN_HELD: "bold red",
}
RESULTS = {"held": CONTAINED, "violated": NOT_CONTAINED, "inconclusive": UNKNOWN}
EXPECTED = ", as expected"
WORDS = {
    "PASS": "this run proves the claim",
    "FAIL": "this run refutes the claim",
    "INCONCLUSIVE": "too little evidence; counts as red",
    "affected": "users in the scope of the faults",
    "unaffected": "all other users",
    "hold": "while the fault was in force",
    "recover": "after the fault was healed",
}


def read_judged(outcomes: Iterable[Mapping[str, Any]]) -> list[TestOutcome]:
    """Read outcomes from JSON data, and leave out tests without a verdict."""
    return [test for test in map(TestOutcome.from_data, outcomes) if test.verdicts]


def write_summary(terminal: pytest.TerminalReporter, tests: Sequence[TestOutcome], seed: int) -> None:
    """Write the summary, and the seed to reproduce the run; in a GitHub action also the step summary."""
    terminal.section("testbed: faults and verdicts", sep="=")
    terminal.write(summary(tests, width=terminal._tw.fullwidth, colour=terminal.hasmarkup))
    checks = sum(len(test.verdicts) for test in tests)
    red = sum(len(Report(test.verdicts).red) for test in tests if not test.passed)
    terminal.write_line("")
    for text in never_used(tests):
        terminal.write_line(f"warning: {visible(text)}")
    terminal.write_line(f"{tally(tests)}. {plural(checks, 'check')}, {red} red.")
    terminal.write_line(f"reproduce with: --testbed-seed={seed}")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        from testbed.report.markdown import step_summary

        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(step_summary(tests))
        except OSError as error:
            terminal.write_line(f"warning: no step summary: cannot write {path}: {error.strerror}", yellow=True)


def tally(tests: Sequence[TestOutcome]) -> str:
    """Return the number of tests with each result: `7 tests: 6 contained, 1 not contained, as expected`."""
    results = [result(test) for test in tests]
    counts = [f"{results.count(each)} {each}" for each in dict.fromkeys(results)]
    return f"{plural(len(results), 'test')}: {', '.join(counts)}"


def summary(tests: Sequence[TestOutcome], *, width: int, colour: bool) -> str:
    """Return the summary as text of at least 80 columns: a block for each test, and the meaning of the words."""
    from rich.padding import Padding

    out = in_memory(max(80, width), colour=colour)
    for test, name in zip(tests, titles([test.test for test in tests]), strict=True):
        end = result(test)
        out.print()
        out.print(plain(name, "bold"), plain(end, COLOURS[end.removesuffix(EXPECTED)]), sep=": ")
        out.print(Padding(_facts(test), (0, 0, 0, 2)))
    out.print()
    out.print(Padding(_meaning(tests), (0, 0, 0, 2)))
    return text_of(out) + "\n"


def result(test: TestOutcome) -> str:
    """Return the result of one test: `contained`, or `not contained, as expected`."""
    if test.then_held:
        return THEN_HELD
    worst = RESULTS[test.report.outcome]
    return worst + EXPECTED if worst != CONTAINED and test.passed else worst


def _facts(test: TestOutcome) -> Table:
    """The faults, the policies in effect, every verdict, and for red ones the reason and an example."""
    table = _pairs()
    _several(table, "fault", (text for one in test.reports for text in one.narrative.broken))
    _several(table, "policies", (text for one in test.reports for text in one.narrative.against))
    _several(table, "probe", (text for one in test.reports for text in one.narrative.probes))
    _several(table, "warning", test.notes)
    _several(table, "own calls", (text for one in test.reports for text in one.narrative.own))
    for verdict in test.verdicts:
        word = PRINTED[verdict.outcome]
        table.add_row(plain(word, COLOURS[word]), plain(_sentence(verdict)))
    red = [(verdict, one.narrative) for one in test.reports for verdict in one.report.verdicts if _is_red(verdict)]
    _several(table, "why", (test.then_held, test.report.blind, *(verdict.why for verdict, _ in red)))
    _several(table, "example", (verdict.next for verdict, _ in red if test.passed))
    _several(table, "look at", (text for verdict, narrative in red for text in _leads(verdict, narrative)))
    return table


def _is_red(verdict: Verdict) -> bool:
    return verdict.outcome != "held"


def _leads(verdict: Verdict, narrative: Narrative) -> Iterator[str]:
    """The warnings about the policies that may explain a red verdict: too many attempts come from retries."""
    counted = verdict.check.startswith("attempts")
    return (text for text in narrative.warnings if ("retries multiply" in text) == counted)


def _several(table: Table, name: str, texts: Iterable[str]) -> None:
    """Add each text once, below one name."""
    for number, text in enumerate(dict.fromkeys(filter(None, texts))):
        table.add_row(plain("" if number else name, "dim"), plain(text))


def _sentence(verdict: Verdict) -> str:
    """Return `affected, hold: fallback list-price: 30 of 30 answers (expected: all with list-price)`."""
    seen = f"{verdict.observed or 'not judged'} (expected: {verdict.bound})"
    return f"{verdict.population}, {verdict.phase}: {verdict.title}: {seen}"


def _meaning(tests: Sequence[TestOutcome]) -> Table:
    verdicts = [verdict for test in tests for verdict in test.verdicts]
    used = {word for one in verdicts for word in (PRINTED[one.outcome], one.population, one.phase)}
    table = _pairs()
    for word, meaning in WORDS.items():
        if word in used:
            table.add_row(plain(word, "dim"), plain(meaning, "dim"))
    return table


def _pairs() -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=len("INCONCLUSIVE"))
    table.add_column(overflow="fold")
    return table
