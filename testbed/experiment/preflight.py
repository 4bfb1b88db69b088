"""Before a fault is injected: whether anything that is logged so far shows that it will be felt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from testbed.evidence.access_log import TrafficEvent
from testbed.experiment.record import Injected, Record
from testbed.history.events import Arrival, FaultEvent
from testbed.history.propagation import ENOUGH, FEW, whole
from testbed.spec.meshes import capabilities

if TYPE_CHECKING:
    from testbed.experiment.assembly import Parts
    from testbed.experiment.recording import LoadSession
    from testbed.faults.resolved import ResolvedFault
    from testbed.spec.topology import Topology

MOST = 40  # parts of logs, without a call on a link, after which it counts as one that may not be used

Read = Callable[[Collection[str]], Iterable[Sequence[TrafficEvent]]]


def foresee(parts: Parts, load: LoadSession, faults: Sequence[ResolvedFault]) -> None:
    """End the load, with a verdict, if a service on the way keeps these faults from being felt.

    Not while something is broken: what is on record is no longer what the services do by themselves.
    """
    if not parts.injector.is_idle:
        return
    topology, planned = parts.plan.topology, parts.injector.ledger.planned(faults)
    own = [name for name, service in topology.services.items() if service.is_own]
    if not in_doubt(planned, own, load.answered, parts.recorder.read_in_parts):
        return
    from testbed.checks import ineffective_report  # takes its time: not before every fault

    if (report := ineffective_report(load.so_far(planned))) is not None:
        parts.injector.ledger.record_skipped(planned)
        note(load.record, topology, faults)
        load.traffic.result().end(report)


def note(record: Record, topology: Topology, faults: Iterable[ResolvedFault]) -> None:
    """Put on the record of a test which faults it injected, where."""
    enforced = topology.policies if capabilities(topology.mesh).enforces_policies else ()
    protected = tuple(policy.edge for policy in enforced)
    for fault in faults:
        record.injected.append(Injected(str(fault), fault.edges, topology.mesh, protected))


def in_doubt(planned: Sequence[FaultEvent], own: Collection[str], requests: int, read: Read) -> bool:
    """Whether it is worth while to read everything, because no sign was found that these faults will be felt.

    A sign is a request with an id on the edge of a fault for some users or a cohort, or any call on the only link of a
    fault below a service of the user's `own`. Reading ends with the last sign that is wanted: where all is well that
    is in the first part of a log. With so few `requests` that nothing could be said, nothing is read.
    """
    nameless = _for_some(planned) if requests >= FEW else set()
    unused = _on_one_link(planned, own) if requests >= ENOUGH else set()
    if not nameless | unused:
        return False
    lost: Counter[str] = Counter()
    seen = 0
    for part in islice(read(nameless | unused), MOST):
        seen += len(part)
        unused -= {event.edge for event in part}
        nameless -= {event.edge for event in part if isinstance(event, Arrival) and event.request}
        lost.update(event.edge for event in part if isinstance(event, Arrival) and not event.request)
        if not nameless | unused:
            return False
    return bool(seen and unused) or any(lost[edge] >= FEW for edge in nameless)


def _for_some(planned: Sequence[FaultEvent]) -> set[str]:
    return {edge for fault in planned if not whole(fault) for edge in fault.edges}


def _on_one_link(planned: Sequence[FaultEvent], own: Collection[str]) -> set[str]:
    """Return the edges that a fault has for itself; what becomes of a process is felt past the mesh as well."""
    alone = [fault.edges[0] for fault in planned if len(fault.edges) == 1 and fault.plane != "process"]
    return {edge for edge in alone if edge.partition(" -> ")[0] in own}
