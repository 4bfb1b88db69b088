"""Before a fault is injected: checks in the logs so far that the fault can match requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from testbed.evidence.access_log import TrafficEvent
from testbed.experiment.record import Injected, Record
from testbed.history.events import Arrival, FaultEvent
from testbed.history.propagation import FEW, whole
from testbed.spec.meshes import capabilities

if TYPE_CHECKING:
    from testbed.experiment.assembly import Parts
    from testbed.experiment.recording import LoadSession
    from testbed.faults.resolved import ResolvedFault
    from testbed.spec.topology import Topology

MOST = 40  # parts of logs

Read = Callable[[Collection[str]], Iterable[Sequence[TrafficEvent]]]


def foresee(parts: Parts, load: LoadSession, faults: Sequence[ResolvedFault]) -> None:
    """End the load with a verdict if these faults cannot match requests because of a service on the way.

    Skipped while a fault is in force: the record then does not show the normal behaviour of the services.
    """
    if not parts.injector.is_idle:
        return
    topology, planned = parts.plan.topology, parts.injector.ledger.planned(faults)
    if not needs_full_read(planned, load.answered, parts.recorder.read_in_parts):
        return
    from testbed.checks import ineffective_report  # slow to import: not before every fault

    if (report := ineffective_report(load.so_far(planned))) is not None:
        parts.injector.ledger.record_skipped(planned)
        note(load.record, topology, faults)
        load.traffic.result().end(report)


def note(record: Record, topology: Topology, faults: Iterable[ResolvedFault]) -> None:
    """Add the injected faults and their edges to the record of a test."""
    enforced = topology.policies if capabilities(topology.mesh).enforces_policies else ()
    protected = tuple(policy.edge for policy in enforced)
    for fault in faults:
        record.injected.append(Injected(str(fault), fault.edges, topology.mesh, protected))


def needs_full_read(planned: Sequence[FaultEvent], requests: int, read: Read) -> bool:
    """Whether all logs must be read, because there is no sign yet that these faults can match requests.

    A sign is a request with an id on the edge of a fault for some users or a cohort. Reading stops after the last sign:
    normally in the first part of a log. With too few `requests` for a conclusion, nothing is read. A link without a
    call is no reason to end a run: no record is not no event.
    """
    nameless = _for_some(planned) if requests >= FEW else set()
    if not nameless:
        return False
    lost: Counter[str] = Counter()
    for part in islice(read(frozenset(nameless)), MOST):
        nameless -= {event.edge for event in part if isinstance(event, Arrival) and event.request}
        lost.update(event.edge for event in part if isinstance(event, Arrival) and not event.request)
        if not nameless:
            return False
    return any(lost[edge] >= FEW for edge in nameless)


def _for_some(planned: Sequence[FaultEvent]) -> set[str]:
    return {edge for fault in planned if not whole(fault) for edge in fault.edges}
