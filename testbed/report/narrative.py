"""The faults of a run and the policies in effect, in plain words: for readers without the code or the YAML."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from testbed.checks.judging.series import summary, whole_run
from testbed.errors import TopologyError
from testbed.history.own_calls import own_call_notes
from testbed.history.propagation import notes
from testbed.report.outcome import Narrative

if TYPE_CHECKING:
    from testbed.history.file import History
    from testbed.history.index import Index
    from testbed.spec.topology import Topology

MOST = 3  # edges that are shown
AIM = re.compile(r"\.((?:on|for)(?:_[a-z_]+)?)\(([^()]*)\)")


def narrative(history: History, phases: Collection[str] = ()) -> Narrative:
    """Return the faults, the policies in effect, the warnings about the policies, and notes about the services.

    `phases` are the judged phases: the policies are those in effect in them (without a phase: while a fault was).
    """
    index = history.index
    broken = tuple(as_phrase(text) for text in dict.fromkeys(fault.text for fault in index.faults))
    topologies = _in_force(index, phases)
    if not topologies:
        own = tuple(own_call_notes(index))
        return Narrative(broken, notes=tuple(notes(index, unused=False)), own=own, probes=_probes(index))
    hit = {edge for fault in index.faults for edge in fault.edges}
    known = [edge for edge in map(str, topologies[0].edges()) if edge in hit]
    return Narrative(
        broken=broken or ("none: a control run",),
        against=tuple(f"{edge}: {_policies_on(topologies, edge)}" for edge in known[:MOST]),
        warnings=tuple(dict.fromkeys(text for topology in topologies for text in topology.warnings())),
        notes=tuple(notes(index, unused=False)),
        own=tuple(own_call_notes(index)),
        probes=_probes(index),
    )


def _probes(index: Index) -> tuple[str, ...]:
    """Return a line for each series: its first, least, greatest and last value."""
    return tuple(summary(series) for name in index.probes for series in whole_run(index, name))


def _policies_on(topologies: Sequence[Topology], edge: str) -> str:
    from testbed.spec.graph import edge_summary

    return ", then ".join(dict.fromkeys(edge_summary(topology, edge) for topology in topologies))


def as_phrase(fault: str) -> str:
    """Return a fault as a phrase: `delay(ms=800) on checkout -> pricing for cohort trondheim`."""
    phrase = AIM.sub(lambda found: f" {found[1].replace('_', ' ')} {found[2]}", fault)
    for noise in ("'", '"', "()", "service="):
        phrase = phrase.replace(noise, "")
    return phrase


def _in_force(index: Index, phases: Collection[str]) -> Sequence[Topology]:
    """Return every topology in effect in these phases, in order; nothing if this version cannot read one."""
    from testbed.spec.load import recorded_topology

    times = [(phase.start, phase.end) for phase in index.phases if phase.name in phases]
    times = times or [(fault.start, fault.end) for fault in index.faults] or [(-math.inf, math.inf)]
    found: list[Mapping[str, object]] = []
    for start, end in times:
        found += [one for one in index.topologies(start, end) if one and one not in found]
    try:
        return [recorded_topology(one) for one in found]
    except TopologyError:  # a history of another version: its verdicts are still valid
        return []
