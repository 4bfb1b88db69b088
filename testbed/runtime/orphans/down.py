"""`testbed down`: removes orphaned runs, and ends running ones on request. It verifies and reports the result."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from testbed.errors import TestbedError, nearest
from testbed.runtime.orphans.found import Run, clear, counted, look, owner_of, runs
from testbed.runtime.orphans.processes import REAPED_S, let_reapers_end, wait_for
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import Owner, State, state

OnProgress = Callable[[str], None]


def down(names: Sequence[str], everything: bool, say: OnProgress, asked_s: float) -> bool:
    """Remove orphans, or end the named runs, or all runs. Return whether all of them are gone.

    An owner has `asked_s` to end after SIGTERM: pytest tears down its fixtures and prints its report.
    """
    present = runs(look())
    chosen = [_named(name, present) for name in names] if names else [r for r in present if everything or _orphaned(r)]
    if not chosen:
        running = sum(run.state is State.ALIVE for run in present)
        say("no orphaned runs" + (f"; {running} running (testbed ps, testbed down --all)" if running else ""))
        return True
    for owner in dict.fromkeys(run.owner for run in chosen if run.state is State.ALIVE):
        _end(owner, [run for run in present if run.owner == owner], say, asked_s)
    gone = [_cleared(run, say) for run in chosen if run.state is not State.ELSEWHERE]
    for run in chosen:
        if run.state is State.ELSEWHERE:
            say(f"{run.name}: not touched, because its owner is in another container or on another machine")
    return all(gone)


def _orphaned(run: Run) -> bool:
    return run.state is State.DEAD


def _named(name: str, present: Sequence[Run]) -> Run:
    if not name.strip():
        raise TestbedError("an empty name is no run (an unset variable?); `testbed down --all` ends all runs")
    found = [run for run in present if run.name == name] or [run for run in present if run.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    several = f"{len(found)} runs begin with {name!r}" if found else f"no run {name!r}"
    raise TestbedError(several + nearest(name, [run.name for run in present]))


def _end(owner: Owner, owned: Sequence[Run], say: OnProgress, asked_s: float) -> None:
    """Send SIGTERM to an owner, and SIGKILL after a time limit. Its reapers then remove everything."""
    also = f"; it owns {', '.join(run.name for run in owned)}" if len(owned) > 1 else ""
    say(f"sending SIGTERM to {owner_of(owned[0])}{also}")
    _signal(owner, signal.SIGTERM)
    if not wait_for({owner.pid: owner.started}, asked_s):
        say(f"it did not end within {asked_s:g} s: sending SIGKILL")
        _signal(owner, signal.SIGKILL)
        wait_for({owner.pid: owner.started}, REAPED_S)


def _signal(owner: Owner, number: signal.Signals) -> None:
    """Signal an owner, but not another process with a recycled pid."""
    with suppress(OSError):
        descriptor = os.pidfd_open(owner.pid)
        try:
            if state(owner) is State.ALIVE:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _cleared(run: Run, say: OnProgress) -> bool:
    """Wait for the reapers of a run, remove what remains, and report it."""
    let_reapers_end(run.of("process"))
    left = clear([thing for thing in look() if thing.owner == run.owner and thing.run in (run.name, "")])
    removed = [thing for thing in run.things if thing not in left]
    say(f"{run.name}: removed {_counted(removed)}" if not left else f"{run.name}: could not remove {_listed(left)}")
    return not left


def _counted(things: Sequence[Resource]) -> str:
    kinds = Counter(thing.kind for thing in things)
    return ", ".join(counted(kind, n) for kind, n in kinds.items()) or "nothing (it was already gone)"


def _listed(things: Sequence[Resource]) -> str:
    return ", ".join(f"{thing.kind} {thing.name}" for thing in things)
