"""Finds faults that cannot be in force together, before anything is injected. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

from testbed.errors import FaultError
from testbed.faults.operations import NEVER_MS, Blackhole, LinkDown, Operation, ProcessAction, Rule, Scope, Toxic
from testbed.faults.resolved import ResolvedFault
from testbed.plan.values import Link
from testbed.spec.grpc_status import name_of

Operations = tuple[Operation, ...]


def refuse_contradictions(faults: Sequence[ResolvedFault], links: Iterable[Link]) -> None:
    """Raise `FaultError` for the first two faults that cannot both have their effect.

    Two faults contradict each other if they need one thing in two states at the same time, or if one hides the other
    completely. A combination is fine if one fault hides the other only on some links (one of two replicas is dead) or
    only for some time (one of them comes and goes).
    """
    known = list(links)
    named = {link.name: link for link in known} | {link.inlet: link for link in known if link.inlet}
    for first, second in combinations(faults, 2):
        ours, theirs = first.operations, second.operations
        lasting = [(a, b) for one, a, b in ((first, ours, theirs), (second, theirs, ours)) if not one.fault.passing]
        reason = _collision(ours, theirs) or _hidden(lasting, named)
        if reason:
            raise FaultError(f"{first} and {second} contradict each other: {reason}")


def _collision(ours: Operations, theirs: Operations) -> str:
    return next(filter(None, (_collide(a, b) for a, b in product(ours, theirs))), "")


def _hidden(pairs: Iterable[tuple[Operations, Operations]], named: Mapping[str, Link]) -> str:
    for hiding, hidden in pairs:
        lasting = [a for a in hiding if not (isinstance(a, LinkDown) and a.during_restart)]
        single = [part for b in hidden for part in _parts(b)]
        reasons = [next(filter(None, (_hides(a, b, named) for a in lasting)), "") for b in single]
        if reasons and all(reasons):
            return reasons[0]
    return ""


def _parts(operation: Operation) -> Operations:
    """Split a rule into one rule for each inlet; return any other operation unchanged."""
    if not isinstance(operation, Rule):
        return (operation,)
    return tuple(replace(operation, inlets=(inlet,)) for inlet in operation.inlets)


def _collide(a: Operation, b: Operation) -> str:
    match a, b:
        case LinkDown(link) | Blackhole(link), LinkDown(other) | Blackhole(other) if link == other:
            return f"both close the link {link}"
        case Toxic(link, kind, stream), Toxic(other, kind2, stream2) if (link, kind, stream) == (other, kind2, stream2):
            return f"both put a {kind} on the link {link}"
        case ProcessAction(_, action) as one, ProcessAction(_, action2) as two if one.process == two.process:
            who = one.replica if one.role == "app" else f"the proxy of {one.replica}"
            return f"{who} cannot have {action} and {action2} at the same time"
        case Rule() as one, Rule() as two:
            return _rules(one, two)
    return ""


def _hides(a: Operation, b: Operation, named: Mapping[str, Link]) -> str:
    """Why `a` prevents every effect of `b` (a rule of one inlet), or ""."""
    match a, b:
        case LinkDown(link) | Blackhole(link), Toxic(other) if link == other:
            return f"the link {link} is closed, so no other fault has an effect on it"
        case Toxic(link, "timeout" | "reset_peer" as kind), Toxic(other) if link == other:
            return f"{kind} lets no answer through on {link}"
        case ProcessAction(replica, "kill", "app"), Toxic(link) if named[link].callee == replica:
            return f"{replica} is dead, so no other fault has an effect on {link}"
        case ProcessAction(replica, "kill", "app"), Rule(_, (inlet,)) if named[inlet].callee == replica:
            return f"{replica} is dead, so no request arrives there"
        case ProcessAction(host, _, "proxy"), Toxic(link) | LinkDown(link) | Blackhole(link) if (
            named[link].proxy == host
        ):
            return f"the proxy of {host} is down, so there is no traffic on {link}"
        case ProcessAction(host, _, "proxy"), Rule(_, (inlet,)) if named[inlet].proxy == host:
            return f"the proxy of {host} is down, so no request from it arrives"
        case ((LinkDown(link) | Blackhole(link) | Toxic(link, "timeout", "upstream")), Rule(_, (inlet,))) if (
            named[inlet].name == link
        ):
            return f"no request comes over the link {link}"
        case Rule() as one, Rule(_, (inlet,)) as two if inlet in one.inlets and _covers(one.scope, two.scope):
            return _hides_rule(one, two)
    return ""


def _rules(a: Rule, b: Rule) -> str:
    shared = sorted(set(a.inlets) & set(b.inlets))
    both = [text for value, text in _EFFECTS.items() if getattr(a, value) is not None and getattr(b, value) is not None]
    if not shared or not both or _disjoint(a.scope, b.scope):
        return ""
    return f"both {both[0]} the same requests at {shared[0]}"


_EFFECTS = {"abort": "answer", "grpc_status": "answer", "delay_ms": "delay", "kb_per_s": "throttle"}
"""Field of a rule -> the verb for a message about two such rules."""


def _hides_rule(one: Rule, two: Rule) -> str:
    """Why a rule hides another rule on the same requests, or ""."""
    if one.delay_ms == NEVER_MS:
        return "a request that hangs is never answered"
    status = one.abort if one.grpc_status is None else name_of(one.grpc_status)
    if status is not None and two.kb_per_s is not None:
        return f"an answer with {status} has no body to throttle"
    return ""


def _covers(a: Scope, b: Scope) -> bool:
    """Whether `a` matches every request that `b` matches."""
    return (
        (a.users is None or (b.users is not None and b.users <= a.users))
        and a.cohort in (None, b.cohort)
        and (a.attempts is None or (b.attempts is not None and b.attempts <= a.attempts))
        and a.requests is None
    )


def _disjoint(a: Scope, b: Scope) -> bool:
    return (
        (a.users is not None and b.users is not None and not a.users & b.users)
        or (a.cohort is not None and b.cohort is not None and a.cohort != b.cohort)
        or (a.attempts is not None and b.attempts is not None and not a.attempts & b.attempts)
    )
