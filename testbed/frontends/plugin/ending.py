"""The end of a test that sent load and raised nothing: it fails if it could not have failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.errors import Inconclusive
from testbed.report.failure import raise_if_overlooked, raise_if_swallowed

if TYPE_CHECKING:
    from testbed.experiment.record import Record

NO_CHECK = "load without any check: end the test with run.check(all=[...]), otherwise it cannot fail"


def refuse_unproved(record: Record) -> None:
    """Raise what a test should have raised itself.

    `Inconclusive` for load without any check, and for faults that were healed before the load began; for a red report
    that the test never looked at, and for an inconclusive one that it caught unnamed, the error of that report.
    """
    if record.unjudged():
        raise Inconclusive(NO_CHECK)
    raise_if_overlooked(record.overlooked())
    raise_if_swallowed(record.swallowed())
    if idle := record.met_by_nobody():
        raise Inconclusive(f"{idle[0].fault} was healed before the load began, so no request met it: {_INSIDE}")


_INSIDE = "send the load while the fault is in force, inside its `with` block"
