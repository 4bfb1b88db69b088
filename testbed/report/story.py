"""What was broken in a run, and what stood against it, in plain words: for readers who know neither code nor YAML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from testbed.errors import TopologyError

if TYPE_CHECKING:
    from testbed.history import History
    from testbed.model.topology import Topology

MOST = 3  # edges that are worth reading
AIM = re.compile(r"\.((?:on|for)(?:_[a-z_]+)?)\(([^()]*)\)")


def story(history: History) -> dict[str, list[str]]:
    """Return what was "broken", the policies "against" it, and the "warnings" about the topology's policies.

    Plain data (JSON types), each a list of short texts; all empty for a run that says nothing of itself.
    """
    faults = list(dict.fromkeys(fault.text for fault in history.index.faults))
    topology = _topology(history)
    if topology is None:
        return {"broken": [plainly(text) for text in faults], "against": [], "warnings": []}
    from testbed.graph import edge_summary

    edges = dict.fromkeys(edge for fault in history.index.faults for edge in fault.edges)
    known = [edge for edge in map(str, topology.edges()) if edge in edges]
    return {
        "broken": [plainly(text) for text in faults] or ["nothing: a control run"],
        "against": [f"{edge}: {edge_summary(topology, edge)}" for edge in known[:MOST]],
        "warnings": list(topology.warnings()),
    }


def plainly(fault: str) -> str:
    """Return a fault as a phrase: `delay(ms=800) on checkout -> pricing for cohort trondheim`."""
    phrase = AIM.sub(lambda found: f" {found[1].replace('_', ' ')} {found[2]}", fault)
    for noise in ("'", '"', "()", "service="):
        phrase = phrase.replace(noise, "")
    return phrase


def _topology(history: History) -> Topology | None:
    from testbed.model.topology import Topology

    run = history.index.run
    if run is None or not run.topology:
        return None
    try:
        return Topology.model_validate(run.topology)
    except (TopologyError, ValueError):  # a history of another version: its verdicts still count
        return None
