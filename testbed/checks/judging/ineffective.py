"""The verdict on a run that ends before its fault, because by all that is recorded nobody would feel it."""

from __future__ import annotations

from testbed.checks.judging.base import Verdict
from testbed.checks.judging.report import Report
from testbed.checks.judging.validity import Threat, ineffective
from testbed.history.events import FaultEvent
from testbed.history.index import Index

CHECK = "a fault can be felt"


def ineffective_report(index: Index) -> Report | None:
    """Return the verdicts on faults that were planned and not injected, None if there is nothing against them.

    What becomes of a process is felt past the mesh as well, so no unused link speaks against that.
    """
    planned = [f for f in index.faults if not f.links and not f.injected and f.plane != "process"]
    verdicts = tuple(_verdict(index, fault, why) for fault in planned if (why := ineffective(index, fault)))
    if not verdicts:
        return None
    run = index.run
    return Report(verdicts, run.test, run.mesh, run.seed) if run else Report(verdicts)


def _verdict(index: Index, fault: FaultEvent, found: Threat) -> Verdict:
    return Verdict(
        check=CHECK,
        population="all",
        phase="before it",
        outcome="inconclusive",
        observed=f"{fault.text} was not injected",
        bound="by some request",
        n=len(index.requests),
        source=found.source,
        edge=", ".join(fault.edges),
        why=f"{found.why}; the run ended here, because nothing that follows could be believed",
        next=found.next,
        title=CHECK,
    )
