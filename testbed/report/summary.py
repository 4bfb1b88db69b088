"""The table at the end of a pytest run: every verdict of every test, in one place."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from testbed.report.table import short

if TYPE_CHECKING:
    import pytest

Row = Mapping[str, Any]
SIGNS = {"held": "[green]held[/]", "violated": "[red]violated[/]", "inconclusive": "[yellow]inconclusive[/]"}
CAUGHT = "[cyan]violated, as expected[/]"


def write_summary(terminal: pytest.TerminalReporter, rows: Sequence[Row], seed: int) -> None:
    """Write the table, and the seed with which the run can be repeated."""
    terminal.section("testbed: what held, and what did not", sep="=")
    terminal.write(summary(rows, width=terminal._tw.fullwidth, colour=terminal.hasmarkup))
    red = sum(1 for row in rows if row["outcome"] != "held" and not row["passed"])
    terminal.write_line(f"{len(rows)} checks, {red} red. The same again: --testbed-seed={seed}")


def summary(rows: Sequence[Row], *, width: int, colour: bool) -> str:
    """Return the table as text; a test's name stands once, above its checks."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    out = Console(file=io.StringIO(), width=max(80, width), force_terminal=colour, no_color=not colour, highlight=False)
    for test, group in groupby(rows, key=lambda row: row["test"]):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for share in (2, 3, 5, 6, 4):
            table.add_column(ratio=share, overflow="fold")
        for row in group:
            table.add_row(*_cells(row))
        out.print(f"\n[bold]{_title(test)}[/]")
        out.print(Padding(table, (0, 0, 0, 2)))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def _cells(row: Row) -> tuple[str, ...]:
    from rich.markup import escape

    caught = row["passed"] and row["outcome"] != "held"
    sign = CAUGHT if caught else SIGNS[row["outcome"]]
    observed = row["observed"] or "not judged"
    return sign, f"{row['population']}, {row['phase']}", *map(escape, (short(row["check"]), observed, row["bound"]))


def _title(test: str) -> str:
    return test.rpartition("::")[2].removeprefix("test_").replace("_", " ")
