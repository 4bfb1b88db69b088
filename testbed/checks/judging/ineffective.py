"""The verdict on a run that ends before its fault, because the record shows that the fault cannot match a request."""

from __future__ import annotations

from testbed.checks.judging.base import Verdict
from testbed.checks.judging.report import Report
from testbed.checks.judging.validity import Threat, ineffective
from testbed.history.events import FaultEvent
from testbed.history.index import Index

CHECK = "precondition"


def ineffective_report(index: Index) -> Report | None:
    """Return the verdicts on faults that were planned and not injected, None if every fault can match requests."""
    planned = [fault for fault in index.faults if not fault.links and not fault.injected]
    verdicts = tuple(_verdict(index, fault, why) for fault in planned if (why := ineffective(index, fault)))
    if not verdicts:
        return None
    run = index.run
    return Report(verdicts, run.test, run.mesh, run.seed) if run else Report(verdicts)


def _verdict(index: Index, fault: FaultEvent, found: Threat) -> Verdict:
    return Verdict(
        check=CHECK,
        population="all",
        phase="before the fault",
        outcome="inconclusive",
        observed=f"{fault.text} was not injected",
        bound="it can match a request",
        n=len(index.requests),
        source=found.source,
        edge=", ".join(fault.edges),
        why=f"precondition failed: the fault cannot match any request: {found.why}; the run ended before the fault",
        next=found.next,
        title=CHECK,
    )
