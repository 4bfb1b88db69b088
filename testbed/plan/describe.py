"""A plan as text: what would run, where, and with which policies."""

from __future__ import annotations

from dataclasses import asdict

from testbed.plan.make import Plan
from testbed.plan.values import Process
from testbed.spec import private
from testbed.spec.graph import edge_summary, placement

EXTERNAL = "external service: faults act only on the edges into it"
ISOLATED = "in its own network namespace: has its port alone, reaches only its upstreams"


def as_data(plan: Plan) -> dict[str, object]:
    """The whole plan as JSON data: replicas, links, processes and files, in start order."""
    return {
        "topology": plan.topology.recorded(),
        "replicas": [asdict(replica) for replica in plan.replicas],
        "nodes": [{"name": n.name, "address": n.address, "replicas": [r.name for r in n.replicas]} for n in plan.nodes],
        "links": [asdict(link) for link in plan.links],
        "processes": [_shown(process) for process in plan.processes],
        "files": [asdict(file) for file in plan.files],
    }


def _shown(process: Process) -> dict[str, object]:
    """Return a process; that of a custom service without values of `env` and without credentials."""
    return private.described(asdict(process)) if process.custom else asdict(process)


def as_text(plan: Plan) -> str:
    """The plan as text: processes, edges with their policies, and warnings."""
    topology = plan.topology
    head = (
        f"{topology.name}: {len(topology.services)} services, {len(plan.replicas)} replicas, "
        f"{len(plan.processes)} processes, {len(plan.links)} links, mesh {topology.mesh}"
    )
    processes = [f"  {p.name:<22} {_what(p):<10} {', '.join(p.listens[:1])}{_more(p)}" for p in plan.processes]
    processes += [f"  {r.name:<22} {'-':<10} {r.app}, {EXTERNAL}" for r in plan.replicas if r.external]
    nodes = [f"  {line}" for line in placement(topology)]
    edges = [f"  {edge:<28} {edge_summary(topology, str(edge))}" for edge in map(str, topology.edges())]
    warnings = [f"  {warning}" for warning in topology.warnings()]
    parts = [head, "", "processes", *processes, *(["", "nodes", *nodes] if nodes else []), "", "edges", *edges]
    return "\n".join(parts + (["", "warnings", *warnings] if warnings else []))


def _what(process: Process) -> str:
    """The name of the program, or the image."""
    return process.image or process.argv[0].rpartition("/")[2]


def _more(process: Process) -> str:
    more = f" and {len(process.listens) - 1} more" if len(process.listens) > 1 else ""
    return more + (f", {ISOLATED}" if process.network else "")
