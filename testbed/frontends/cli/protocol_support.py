"""The support of faults and checks by the protocol of an edge, computed from the faults and checks themselves.

Each check is evaluated on a small synthetic history of such an edge. The result for plain HTTP is the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cache
from typing import get_args

from testbed.checks import CHECKS, Check, judge
from testbed.errors import CheckError, FaultError
from testbed.experiment.planning import plan_for
from testbed.faults import FAULTS, Fault
from testbed.frontends.cli.support import (
    EDGE,
    GIVEN,
    NO_OTHERS,
    SERVICE,
    SPACE,
    example,
    examples,
    instead,
    required,
    rows_of,
    sources,
    targets,
)
from testbed.history.events import (
    Arrival,
    Attempt,
    Call,
    Event,
    Evidence,
    Phase,
    ProbeEvent,
    Request,
    RunInfo,
    ScheduleAdherence,
)
from testbed.history.file import History
from testbed.plan.make import Plan
from testbed.spec.edges import CLIENT, Protocol
from testbed.spec.topology import Topology

PROTOCOLS: Sequence[str] = get_args(Protocol)
STATUS = "UNAVAILABLE"  # an example for arguments that are a gRPC status
BEFORE = f"{CLIENT} -> front"
EACH = 100  # requests of each phase, in one second


def topology_of(protocol: str) -> Topology:
    """Return a topology with a service that calls two others; "back" has this protocol."""
    tcp = protocol == "tcp"
    failing = {"to": SERVICE, "onFailure": {"fallback": GIVEN["which"]}}
    front = {"command": "front", "calls": [SERVICE, "side"]} if tcp else {"language": "go", "calls": [failing, "side"]}
    back = {**({"command": "store"} if tcp else {"language": "go"}), "protocol": protocol, "replicas": 2}
    services = {"front": front, SERVICE: back, "side": {"language": "go"}}
    policies = [] if tcp else [{"edge": EDGE, "circuitBreaker": {"maxRetries": 3}}]
    data = {"name": "support", "entry": "front", "services": services, "policies": policies}
    return Topology.model_validate(data)


def faults(others: Mapping[str, type[Fault]] = NO_OTHERS) -> list[dict[str, str]]:
    """Return a row for each fault: its possible targets, by the protocol of the edge."""
    plans = {protocol: plan_for(topology_of(protocol), SPACE) for protocol in PROTOCOLS}
    return rows_of(lambda name, kind: {"fault": name} | _targets(kind, plans), FAULTS, others)


def _targets(kind: type[Fault], plans: Mapping[str, Plan]) -> dict[str, str]:
    return {protocol: next(_found(kind, plan), instead(example(kind))) for protocol, plan in plans.items()}


def _found(kind: type[Fault], plan: Plan) -> Iterator[str]:
    """Yield the targets of the usual form of the fault, then those of its form with a gRPC status."""
    for suffix, fault in (("", example(kind)), *_variants(kind)):
        if possible := ", ".join(targets(fault, plan)):
            yield possible + suffix


def _variants(kind: type[Fault]) -> Iterator[tuple[str, Fault]]:
    if "grpc_status" in {one.name for one in fields(kind)} and not list(required(kind)):
        with suppress(FaultError):
            yield " (grpc_status=)", kind(grpc_status=STATUS)  # type: ignore[call-arg]


def checks(others: Mapping[str, Callable[..., Check]] = NO_OTHERS) -> list[dict[str, str]]:
    """Return a row for each check, by the protocol of the edge: "yes", with which bounds, or why not."""
    return rows_of(_row, CHECKS, others)


def _row(name: str, made: Callable[..., Check]) -> dict[str, str]:
    judged = examples(made)
    return {"check": name} | {protocol: _can(_of_an_edge(judged) or judged, protocol) for protocol in PROTOCOLS}


def _of_an_edge(made: Sequence[Check]) -> Sequence[Check]:
    """Return the examples of a check that name an edge, for a check with an optional edge."""
    return [check for check in made if check.on_edge()]


def _can(made: Sequence[Check], protocol: str) -> str:
    refusals = {check: why for check in made if (why := _refusal(check, protocol))}
    if not refusals:
        return "yes"
    able = dict.fromkeys(bound for check in made if check not in refusals for bound in _bounds(check))
    ((why, _),) = Counter(refusals.values()).most_common(1)
    return f"with {', '.join(able)}" if able else f"no: {why}"


def _bounds(check: Check) -> Iterator[str]:
    own = [one for one in fields(check) if one.kw_only and one.name != "phase"]
    return (f"{one.name}=" for one in own if getattr(check, one.name) != one.default)


def _refusal(check: Check, protocol: str) -> str:
    """Return what to use instead of a check, or why it cannot be evaluated as on plain HTTP; "" if it can."""
    refused, why = _result(check, protocol)
    if not refused and (not why or why == _result(check, "http")[1]):
        return ""
    return why.rpartition(". Use ")[2].replace(EDGE, "it").replace(BEFORE, "the edge before it")


def _result(check: Check, protocol: str) -> tuple[bool, str]:
    """Return whether a check was refused, and why it was refused or inconclusive."""
    try:
        (verdict,) = judge(run_over(protocol), all=[check]).verdicts
    except CheckError as error:
        return True, str(error).removeprefix(f"{check}: ")
    return False, verdict.why if verdict.outcome == "inconclusive" else ""


@cache
def run_over(protocol: str) -> History:
    """Return the history of a run without faults: each request of the load makes one call, and all succeed."""
    recorded = sorted(sources("envoy"))
    topology = topology_of(protocol).model_dump(mode="json", by_alias=True)
    info = RunInfo(0, "support", 0, "envoy", topology, {}, tuple(recorded))
    events: list[Event] = [info, *(Evidence(source, complete=True) for source in recorded)]
    events.append(ProbeEvent(GIVEN["probed"], "", 500.0))
    for start, phase in enumerate(("baseline", "hold", "recover")):
        events += [Phase(phase, start, start + 1), ScheduleAdherence(phase, EACH, EACH, 1.0)]
        events += [event for n in range(EACH) for event in _one(f"{phase}-{n}", start + n / EACH, phase, protocol)]
    return History(events)


def _one(name: str, at: float, phase: str, protocol: str) -> Iterator[Event]:
    """Yield the events of one request of the load and its calls."""
    yield Request(name, name, "", at, at, 20.0, 200, replica="front-1", phase=phase)
    yield Attempt(name, "front -> side", "front-1", "side-1", 1, at, 10.0, 200, call=f"{name}/side")
    yield Call(name, "front -> side", "front-1", 1, at, 10.0, 200, call=f"{name}/side")
    if protocol == "tcp":
        yield Attempt("", EDGE, "front-1", f"{SERVICE}-1", 1, at, 10.0, 0, source="connection", call=name)
        return
    grpc = 0 if protocol == "grpc" else None
    yield Attempt(name, EDGE, "front-1", f"{SERVICE}-1", 1, at, 10.0, 200, call=name, grpc_status=grpc)
    yield Call(name, EDGE, "front-1", 1, at, 10.0, 200, call=name, grpc_status=grpc)
    yield Arrival(name, EDGE, "front-1", f"{SERVICE}-1", 1, at, 9.0, 200, method="POST", path="/", grpc_status=grpc)
