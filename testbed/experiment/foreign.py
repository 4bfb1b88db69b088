"""Marks of faults in the evidence that no fault of this run left."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from testbed.errors import TestbedError
from testbed.history.events import Arrival
from testbed.injection.active import NOT_OURS


def refuse_foreign(evidence: Iterable[object], faults: Collection[str]) -> None:
    """Raise `TestbedError` if an arrival carries the id of a fault that is not one of these."""
    met = [one.fault for one in evidence if isinstance(one, Arrival) and one.fault]
    ids = {id for several in met for id in several.split(",")}
    if unknown := sorted(ids - set(faults)):
        raise TestbedError(
            f"arrivals carry the id of a fault that this run did not set ({', '.join(unknown)}): {NOT_OURS}"
        )
