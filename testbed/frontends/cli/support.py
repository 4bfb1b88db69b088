"""The support of faults and checks by mesh, computed from the faults, checks and meshes themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from itertools import product
from typing import Any, TypeVar

from testbed.checks import CHECKS, Check, View
from testbed.checks.judging.base import ABOUT
from testbed.checks.judging.view import EVERYONE, after_warm_up
from testbed.errors import CheckError, FaultError
from testbed.experiment.planning import plan_for
from testbed.faults import FAULTS, Fault, latency
from testbed.faults.base import LinkFault, RequestFault
from testbed.faults.operations import Operation, PacketDrop, PacketShaping, ProcessAction
from testbed.faults.target import FaultContext
from testbed.history.events import RunInfo
from testbed.history.index import Index
from testbed.plan.make import Plan
from testbed.plan.values import AddressSpace
from testbed.spec.meshes import DEFAULT, MESHES, capabilities
from testbed.spec.topology import Topology

EDGE, SERVICE = "front -> back", "back"
SPACE = AddressSpace("127.50")
TARGETS = {"edge": EDGE, "service": SERVICE, "replica": "back-1"}
GIVEN: dict[str, Any] = {"service": SERVICE, "edge": EDGE, "fault": latency(ms=1).on(EDGE), "a": "front", "b": SERVICE}
GIVEN |= {"which": "list-price", "codes": 200, "q": 95, "probed": "rows"}  # another required argument is 1
GUESSES: Sequence[object] = (1, 0.5, 99, 200, "hold", "UNAVAILABLE")  # example values for bounds
SCOPES: Mapping[str, tuple[tuple[object, ...], dict[str, object]]] = {
    "users": ((), {"percent": 5}),
    "cohort": (("oslo",), {}),
    "requests": ((), {"percent": 5}),
    "attempts": ((1,), {}),
}
LEGEND = """\
edge, service, replica, proxy: the possible targets of .on(...). itself: its own arguments name the target.
no: followed by what to use instead, or by the reason. A check without its evidence is INCONCLUSIVE and fails the test.
(grpc_status=), with ...=: only in this form."""
NO_OTHERS: Mapping[str, Any] = {}  # faults or checks of other distributions
T = TypeVar("T")


def settings() -> dict[str, Topology]:
    """Return a small topology for each mesh and placement, by its keys in YAML.

    Also one with an edge without an inlet, and one with an external callee.
    """
    made = {f"mesh: {DEFAULT}": pair(), "placement: node": pair(placement="node")}
    made |= {f"mesh: {name}": pair(mesh=name) for name in MESHES if name != DEFAULT}
    made |= {"requestFaults: off": pair(edges={EDGE: {"requestFaults": False}})}
    return made | {"address: of the callee": pair(back={"address": "127.0.0.1:5432"})}


def pair(
    front: Mapping[str, object] | None = None, back: Mapping[str, object] | None = None, **more: object
) -> Topology:
    """Return a topology with two services: front calls back."""
    services = {
        "front": {**(front or {"language": "go"}), "calls": [SERVICE]},
        SERVICE: back or {"language": "go", "replicas": 2},
    }
    return Topology.model_validate({"name": "support", "entry": "front", "services": services, **more})


def rows_of(
    row: Callable[[str, T], dict[str, str]], ours: Mapping[str, T], others: Mapping[str, T]
) -> list[dict[str, str]]:
    """Return a row for each built-in fault or check, then for each third-party one.

    The cells of a third-party one are "?" if no example value works.
    """
    rows = [row(name, one) for name, one in sorted(ours.items())]
    first, *rest = rows[0]
    for name, one in sorted(others.items()):
        try:
            rows.append(row(name, one))
        except Exception:
            rows.append({first: name} | dict.fromkeys(rest, "?"))
    return rows


def faults(others: Mapping[str, type[Fault]] = NO_OTHERS) -> list[dict[str, str]]:
    """Return a row for each fault: its possible targets in each setting, and its scopes."""
    plans = {name: plan_for(topology, SPACE) for name, topology in settings().items()}
    return rows_of(lambda name, kind: _row(name, example(kind), plans), FAULTS, others)


def _row(name: str, fault: Fault, plans: Mapping[str, Plan]) -> dict[str, str]:
    cells = {setting: ", ".join(targets(fault, plan)) or instead(fault) for setting, plan in plans.items()}
    return {"fault": name} | cells | {"scopes": ", ".join(scopes(fault)) or "-", "needs": needs(fault)}


def instead(fault: Fault) -> str:
    """Return "no", with the fault to use instead."""
    return f"no: {fault.twin}" if isinstance(fault, LinkFault | RequestFault) else "no"


def needs(fault: Fault) -> str:
    """Return the special requirements of a fault on the machine, from its operations."""
    context = context_of(plan_for(pair(), SPACE))
    for targeted in (fault, *(_targeted(fault, **{what: name}) for what, name in TARGETS.items())):
        with suppress(FaultError):
            return ", ".join(dict.fromkeys(filter(None, map(_need, targeted.operations(context, "f1"))))) or "-"
    return "-"


def _need(operation: Operation) -> str:
    match operation:
        case PacketDrop():
            return "testbed sandbox, or root"
        case PacketShaping():
            return "testbed sandbox, netem"
        case ProcessAction(_, "memory"):
            return "control groups"
    return ""


def _targeted(fault: Fault, **target: str) -> Fault:
    try:
        return fault.on(**target)
    except FaultError:
        return fault


def context_of(plan: Plan) -> FaultContext:
    """Return the context in which faults are resolved, without a load."""
    return FaultContext(plan.links, plan.replicas, {}, 0, plan.proxies)


def example(kind: type[Fault]) -> Fault:
    """Return a fault with example values. Raises `FaultError` if no example value works."""
    names = [one.name for one in required(kind)]
    for guess in (64, 1, 0.5):
        with suppress(FaultError):
            return kind(**{name: GIVEN.get(name, guess) for name in names})
    raise FaultError(f"testbed support has no example values for {kind.__name__}({', '.join(names)})")


def targets(fault: Fault, plan: Plan) -> Iterator[str]:
    """Yield the possible targets of a fault in this plan; "itself" for a fault with its target in its arguments."""
    context = context_of(plan)
    candidates = TARGETS | {"proxy": plan.proxies[0].name if plan.proxies else "front-1"}
    if _fits(lambda: fault.operations(context, "f1")):
        yield "itself"
    for what, name in candidates.items():
        if _fits(lambda: fault.on(**{what: name}).operations(context, "f1")):  # noqa: B023 (called at once)
            yield what


def scopes(fault: Fault) -> Iterator[str]:
    """Yield the possible scopes of a fault."""
    for what, (some, named) in SCOPES.items():
        if _fits(lambda: getattr(fault, f"for_{what}")(*some, **named)):  # noqa: B023 (called at once)
            yield what


def checks(others: Mapping[str, Callable[..., Check]] = NO_OTHERS) -> list[dict[str, str]]:
    """Return a row for each check: "yes" for a mesh that records all its evidence, else what is missing."""
    return rows_of(_row_of_check, CHECKS, others)


def _row_of_check(name: str, made: Callable[..., Check]) -> dict[str, str]:
    judged = examples(made)
    return {"check": name} | {f"mesh: {mesh}": _lacking(judged, mesh) for mesh in MESHES}


def sources(mesh: str) -> frozenset[str]:
    """Return the evidence of a run on this mesh; counters need a proxy."""
    counters = ["samples"] if plan_for(pair(mesh=mesh), SPACE).proxies else []
    return frozenset(["requests", "arrivals", *capabilities(mesh).sources, *counters])


def _lacking(judged: Iterable[Check], mesh: str) -> str:
    recorded = sources(mesh)
    index = Index([RunInfo(0.0, "", 0, mesh, {}, {}, tuple(sorted(recorded)))])
    view = View(index, EVERYONE, after_warm_up(index))
    lacks = [set(check.needs(view)) - recorded for check in judged]
    missing = ", ".join(sorted(set().union(*lacks)))
    return "yes" if not missing else f"{'in part' if not all(lacks) else 'no'}: does not record {missing}"


def examples(made: Any) -> list[Check]:
    """Return examples of a check, each with one of its bounds. Raises `CheckError` if no example value works."""
    if not (found := list(_examples(made))):
        raise CheckError(f"testbed support has no example values for {made}")
    return found


def _examples(made: Any) -> Iterator[Check]:
    kind = getattr(made, "func", made)
    bounds = [one.name for one in fields(kind) if one.kw_only and one.name not in ABOUT]
    given = [{}, *({name: guess} for name in bounds for guess in GUESSES)]
    for subject, bound in product(_subjects(kind, len(getattr(made, "args", ()))), given):
        with suppress(CheckError):
            yield made(*subject, **bound)


def _subjects(kind: Any, filled: int) -> Iterator[list[Any]]:
    """Yield positional arguments of a check: only the required ones, then all of them."""
    needed = [GIVEN.get(one.name, 1) for one in required(kind)][filled:]
    every = [GIVEN.get(one.name, 1) for one in fields(kind) if not one.kw_only][filled:]
    yield needed
    if every != needed:
        yield every


def required(kind: Any) -> Iterator[Any]:
    """Yield the required fields."""
    return (one for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING)


def _fits(make: Callable[[], object]) -> bool:
    try:
        make()
    except FaultError:
        return False
    return True


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as text, one line each below a header."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
