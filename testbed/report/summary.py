"""The end of a pytest run: what every test broke, what stood against it, and whether that contained the failure."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from testbed.checks.judging.formatting import plural

if TYPE_CHECKING:
    import pytest
    from rich.console import RenderableType
    from rich.table import Table

Row = Mapping[str, Any]
CONTAINED, NOT_CONTAINED, NOT_PROVED = "contained", "not contained", "not proved"
COLOURS = {
    "held": "green",
    "violated": "red",
    "inconclusive": "yellow",
    CONTAINED: "bold green",
    NOT_CONTAINED: "bold red",
    NOT_PROVED: "bold yellow",
}
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


def write_summary(terminal: pytest.TerminalReporter, rows: Sequence[Row], seed: int) -> None:
    """Write the summary, and the seed with which the run can be repeated; in a GitHub action, its step's summary."""
    terminal.section("testbed: what was broken, and what contained it", sep="=")
    terminal.write(summary(rows, width=terminal._tw.fullwidth, colour=terminal.hasmarkup))
    red = sum(1 for row in rows if row["outcome"] != "held" and not row["passed"])
    terminal.write_line("")
    terminal.write_line(f"{tally(rows)}. {plural(len(rows), 'check')}, {red} red.")
    terminal.write_line(f"The same again: --testbed-seed={seed}")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        from testbed.report.markdown import step_summary

        with open(path, "a", encoding="utf-8") as file:
            file.write(step_summary(rows))


def tally(rows: Sequence[Row]) -> str:
    """Return how many tests found their failure contained: `7 tests: 6 contained, 1 not contained, as expected`."""
    results = [result(list(group)) for _, group in _by_test(rows)]
    counts = [f"{results.count(each)} {each}" for each in dict.fromkeys(results)]
    return f"{plural(len(results), 'test')}: {', '.join(counts)}"


def summary(rows: Sequence[Row], *, width: int, colour: bool) -> str:
    """Return the summary as text of at least 80 columns: a block for each test, and what the words in it mean."""
    from rich.console import Console
    from rich.padding import Padding

    out = Console(file=io.StringIO(), width=max(80, width), force_terminal=colour, no_color=not colour, highlight=False)
    for test, group in _by_test(rows):
        block = list(group)
        end = result(block)
        out.print()
        out.print(_text(title(test), "bold"), _text(end, COLOURS[end.removesuffix(EXPECTED)]), sep=": ")
        out.print(Padding(_facts(block), (0, 0, 0, 2)))
    out.print()
    out.print(Padding(_meaning(rows), (0, 0, 0, 2)))
    assert isinstance(out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines()) + "\n"


def _by_test(rows: Sequence[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    return groupby(rows, key=lambda row: str(row["test"]))


def result(block: Sequence[Row]) -> str:
    """Return what the verdicts of one test come to: `contained`, or `not contained, as expected`."""
    outcomes = {row["outcome"] for row in block}
    worst = NOT_CONTAINED if "violated" in outcomes else NOT_PROVED if "inconclusive" in outcomes else CONTAINED
    return worst + EXPECTED if worst != CONTAINED and block[0]["passed"] else worst


def _facts(block: Sequence[Row]) -> Table:
    """What was broken, what stood against it, every verdict, and for a red one why and an example."""
    table = _pairs()
    _several(table, "broken", [text for row in block for text in row.get("broken", ())])
    _several(table, "defended by", [text for row in block for text in row.get("against", ())])
    _several(table, "warning", [text for row in block for text in row.get("notes", ())])
    for row in block:
        table.add_row(_text(row["outcome"], COLOURS[row["outcome"]]), _text(_sentence(row)))
    red = [row for row in block if row["outcome"] != "held"]
    _several(table, "why", [row.get("why", "") for row in red])
    _several(table, "for example", [row.get("next", "") for row in red if row["passed"]])
    _several(table, "look at", [text for row in red for text in _leads(row)])
    return table


def _leads(row: Row) -> list[str]:
    """The warnings about the policies that may explain a red verdict: too many attempts come from retries."""
    counted = row["check"].startswith("attempts")
    return [text for text in row.get("warnings", ()) if ("retries multiply" in text) == counted]


def _several(table: Table, name: str, texts: Sequence[str]) -> None:
    """Add every different text below one name."""
    for number, text in enumerate(dict.fromkeys(filter(None, texts))):
        table.add_row(_text("" if number else name, "dim"), _text(text))


def _sentence(row: Row) -> str:
    """Return `affected, hold: fallback list-price: 30 of 30 answers (asked: all with list-price)`."""
    seen = f"{row['observed'] or 'not judged'} (asked: {row['bound']})"
    return f"{row['population']}, {row['phase']}: {row['title']}: {seen}"


def _meaning(rows: Sequence[Row]) -> Table:
    used = {row[key] for row in rows for key in ("outcome", "population", "phase")}
    table = _pairs()
    for word, meaning in WORDS.items():
        if word in used:
            table.add_row(_text(word, "dim"), _text(meaning, "dim"))
    return table


def _pairs() -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=len("inconclusive"))
    table.add_column(overflow="fold")
    return table


def _text(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(text, style)


def title(test: str) -> str:
    """A test's name as words: `test_one_bad_replica` is "one bad replica"."""
    return test.rpartition("::")[2].removeprefix("test_").replace("_", " ")
