"""The table of a calibration, and below it the scenarios that need attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.campaigns.calibrate.findings import Kind
from testbed.campaigns.calibrate.judgement import GOOD, Judgement
from testbed.experiment.arm import Arm
from testbed.report.console import in_memory, plain, text_of
from testbed.report.outcome import title

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

LEGEND = (
    "A useful scenario passes without the fault and fails without its policies (or the other way round, if it shows "
    "a harmful policy)."
)


def table(judgements: Sequence[Judgement], *, width: int = 100, colour: bool = False) -> str:
    """Return the calibration as text: one row per scenario, the reasons for bad ones, and a summary line."""
    console = in_memory(max(80, width), colour=colour)
    if judgements:
        console.print(_rows(judgements))
        console.print(LEGEND, style="dim")
    for one in judgements:
        if one.kind not in GOOD:
            _explain(console, one)
    console.print(f"\n{closing(judgements)}", markup=False)
    return text_of(console)


def closing(judgements: Sequence[Judgement]) -> str:
    """Return the number of scenarios of each kind, in one line."""
    if not judgements:
        return "no scenario in this selection: no test sent load or injected a fault"
    count = Counter(one.kind for one in judgements)
    kinds = "; ".join(f"{kind} ({count[kind]})" for kind in Kind if count[kind])
    return f"{len(judgements)} scenario{'s' if len(judgements) > 1 else ''}. {kinds}"


def _rows(judgements: Sequence[Judgement]) -> RenderableType:
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name, share in (("scenario", 5), *((arm.value, 3) for arm in Arm), ("result", 3)):
        grid.add_column(name, ratio=share, overflow="fold")
    for one in judgements:
        grid.add_row(*map(plain, (title(one.test), *one.cells)), plain(one.kind, _style(one)))
    return grid


def _style(one: Judgement) -> str:
    return "bold red" if one.bad else "green" if one.kind in GOOD else "yellow"


def _explain(console: Console, one: Judgement) -> None:
    from rich.padding import Padding

    console.print()
    console.print(plain(f"{title(one.test)}: {one.kind}", _style(one)))
    lines = [one.test, *one.reasons, *([f"hint: {one.hint}"] if one.hint else [])]
    for line in lines:
        console.print(Padding(plain(line), (0, 0, 0, 2)))
    if one.bad and one.histories:
        kept = Path(relpath(one.histories[0]))
        console.print(f"  histories: {kept.parent.parent}/*/{kept.name}", soft_wrap=True, markup=False)
