"""`testbed down`: removes what is orphaned and, when told so, ends runs that are going on; verified, and told."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from testbed.errors import TestbedError, nearest
from testbed.runtime.orphans.found import Run, clear, counted, look, owner_of, runs
from testbed.runtime.orphans.processes import is_reaper, pid_of, wait_for
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import Owner, State, state

REAPED_S = 5.0  # for the reapers of a dead owner

Say = Callable[[str], None]


def down(names: Sequence[str], everything: bool, say: Say, asked_s: float) -> bool:
    """Remove orphans; end the runs of these names, or all. Return whether all of that is gone.

    An owner has `asked_s` to end after SIGTERM: pytest tears its fixtures down and prints its report.
    """
    there = runs(look())
    chosen = [_named(name, there) for name in names] if names else [r for r in there if everything or _orphaned(r)]
    if not chosen:
        running = sum(run.state is State.ALIVE for run in there)
        say("nothing is left behind" + (f"; {running} running (testbed ps, testbed down --all)" if running else ""))
        return True
    for owner in dict.fromkeys(run.owner for run in chosen if run.state is State.ALIVE):
        _end(owner, [run for run in there if run.owner == owner], say, asked_s)
    gone = [_cleared(run, say) for run in chosen if run.state is not State.ELSEWHERE]
    for run in chosen:
        if run.state is State.ELSEWHERE:
            say(f"{run.name}: its owner lives elsewhere (another container or machine), so it was not touched")
    return all(gone)


def _orphaned(run: Run) -> bool:
    return run.state is State.DEAD


def _named(name: str, there: Sequence[Run]) -> Run:
    found = [run for run in there if run.name == name] or [run for run in there if run.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    several = f"{len(found)} runs begin with {name!r}" if found else f"there is no run {name!r}"
    raise TestbedError(several + nearest(name, [run.name for run in there]))


def _end(owner: Owner, his: Sequence[Run], say: Say, asked_s: float) -> None:
    """Ask an owner to end, and kill it if it does not; its reapers take everything with them."""
    also = f", and with it {', '.join(run.name for run in his)}" if len(his) > 1 else ""
    say(f"asking {owner_of(his[0])} to end{also}")
    _signal(owner, signal.SIGTERM)
    if not wait_for([owner.pid], asked_s):
        say(f"it has not within {asked_s:g} s: killing it")
        _signal(owner, signal.SIGKILL)
        wait_for([owner.pid], REAPED_S)


def _signal(owner: Owner, number: signal.Signals) -> None:
    """Signal an owner; a recycled pid is not signalled."""
    with suppress(OSError):
        descriptor = os.pidfd_open(owner.pid)
        try:
            if state(owner) is State.ALIVE:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _cleared(run: Run, say: Say) -> bool:
    """Wait for the reapers of a run, remove what they have left, and say what is gone."""
    wait_for([pid_of(thing) for thing in run.of("process") if is_reaper(thing)], REAPED_S)
    left = clear([thing for thing in look() if thing.owner == run.owner and thing.run in (run.name, "")])
    removed = [thing for thing in run.things if thing not in left]
    say(f"{run.name}: gone, {_counted(removed)}" if not left else f"{run.name}: could not remove {_listed(left)}")
    return not left


def _counted(things: Sequence[Resource]) -> str:
    kinds = Counter(thing.kind for thing in things)
    return ", ".join(counted(kind, n) for kind, n in kinds.items()) or "nothing was left of it"


def _listed(things: Sequence[Resource]) -> str:
    return ", ".join(f"{thing.kind} {thing.name}" for thing in things)
