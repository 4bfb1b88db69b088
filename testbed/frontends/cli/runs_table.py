"""The runs of this user, for `testbed ps`: as a table, and as JSON data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from testbed import clock
from testbed.report.console import in_memory, plain, text_of
from testbed.runtime.orphans.folders import read_about
from testbed.runtime.orphans.found import Run, counted, owner_of
from testbed.runtime.owner import State

WORDS = {State.ALIVE: "running", State.DEAD: "orphan", State.ELSEWHERE: "elsewhere"}
STYLES = {State.ALIVE: "green", State.DEAD: "bold red", State.ELSEWHERE: "yellow"}
HINT = "orphan: its owner has died. `testbed down` or the next start of a mesh removes it."


def table(runs: Sequence[Run], *, width: int = 120, colour: bool = False) -> str:
    """Return the runs as text, one row each."""
    if not runs:
        return "no runs and no orphans"
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in ("run", "state", "owner", "since", "topology", "runtime", "holds", "folder"):
        grid.add_column(name, overflow="fold")
    for run in runs:
        about = read_about(run.folder)
        words = [owner_of(run), _ago(_since(run)), str(about.get("topology", "?")), str(about.get("runtime", "?"))]
        cells = map(plain, [*words, _held(run), run.folder or "none"])
        grid.add_row(plain(run.name), plain(WORDS[run.state], STYLES[run.state]), *cells)
    console = in_memory(max(80, width), colour=colour)
    console.print(grid)
    if any(run.state is State.DEAD for run in runs):
        console.print(plain(HINT, "dim"))
    return text_of(console).strip("\n")


def as_data(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the runs as JSON data."""
    return [_data(run) for run in runs]


def _data(run: Run) -> dict[str, Any]:
    about = read_about(run.folder)
    owner = {"pid": run.owner.pid, "started": run.owner.started, "command": owner_of(run)}
    known = {name: about.get(name) for name in ("topology", "runtime", "network")}
    things = [{"kind": thing.kind, "name": thing.name, "about": thing.about} for thing in run.things]
    since = _since(run) or None
    return {"run": run.name, "state": WORDS[run.state], "owner": owner, "since": since, **known, "things": things}


def _since(run: Run) -> float:
    """Return the start time (epoch seconds); 0 if it is unknown."""
    since = read_about(run.folder).get("since")
    if isinstance(since, int | float):
        return float(since)
    with suppress(OSError):
        return os.stat(run.folder).st_ctime
    return 0.0


def _ago(moment: float) -> str:
    if not moment:
        return "?"
    seconds = max(0, int(clock.wall() - moment))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _held(run: Run) -> str:
    """Return the resources of a run except its folder: "11 processes, 1 control group"."""
    kinds = dict.fromkeys(thing.kind for thing in run.things if thing.kind != "folder")
    return ", ".join(counted(kind, len(run.of(kind))) for kind in kinds) or "nothing"
