"""Which faults cannot be in force together: pure, asked before anything is injected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, permutations, product

from testbed.edge.operations import Closed, Operation, Rule, Scope, Signal, Toxic
from testbed.errors import FaultError
from testbed.plan import Link

Operations = tuple[Operation, ...]


def refuse_contradictions(planned: Mapping[str, Iterable[Operation]], links: Iterable[Link]) -> None:
    """Raise `FaultError` for the first two faults (text -> operations) that cannot both have their effect.

    Two faults contradict each other if they need the same thing in two states at once, or if one hides the other
    altogether; a fault that is hidden on some of its links only (one of two replicas is dead) is an ordinary
    combination.
    """
    into = {link.name: link.callee for link in links} | {link.inlet: link.callee for link in links if link.inlet}
    listed = [(text, tuple(operations)) for text, operations in planned.items()]
    for (first, ours), (second, theirs) in combinations(listed, 2):
        reason = _collision(ours, theirs) or _hidden(ours, theirs, into)
        if reason:
            raise FaultError(f"{first} and {second} contradict each other: {reason}")


def _collision(ours: Operations, theirs: Operations) -> str:
    return next(filter(None, (_collide(a, b) for a, b in product(ours, theirs))), "")


def _hidden(ours: Operations, theirs: Operations, into: Mapping[str, str]) -> str:
    for hiding, hidden in permutations((ours, theirs)):
        reasons = [next(filter(None, (_hides(a, b, into) for a in hiding)), "") for b in hidden]
        if reasons and all(reasons):
            return reasons[0]
    return ""


def _collide(a: Operation, b: Operation) -> str:
    match a, b:
        case Closed(link), Closed(other) if link == other:
            return f"both close the link {link}"
        case Toxic(link, kind, stream), Toxic(other, kind2, stream2) if (link, kind, stream) == (other, kind2, stream2):
            return f"both put a {kind} on the link {link}"
        case Signal(replica, action), Signal(other, action2) if replica == other:
            return f"{replica} cannot be under {action} and {action2} at once"
        case Rule() as one, Rule() as two:
            return _rules(one, two)
    return ""


def _hides(a: Operation, b: Operation, into: Mapping[str, str]) -> str:
    """Why `a` keeps `b` from having any effect, or ""."""
    match a, b:
        case Closed(link), Toxic(other) if link == other:
            return f"the link {link} is closed, so nothing else can happen on it"
        case Toxic(link, "timeout" | "reset_peer" as kind), Toxic(other) if link == other:
            return f"{kind} lets no answer through on {link}"
        case Signal(replica, "kill"), Toxic(link) if into[link] == replica:
            return f"{replica} is dead, so nothing else can happen on {link}"
        case Signal(replica, "kill"), Rule(_, inlets) if {into[inlet] for inlet in inlets} == {replica}:
            return f"{replica} is dead, so no request arrives there"
    return ""


def _rules(a: Rule, b: Rule) -> str:
    shared = sorted(set(a.inlets) & set(b.inlets))
    same = (a.abort is None) == (b.abort is None)
    if not shared or not same or _disjoint(a.scope, b.scope):
        return ""
    return f"both {'delay' if a.abort is None else 'answer'} the same requests at {shared[0]}"


def _disjoint(a: Scope, b: Scope) -> bool:
    return (
        (a.users is not None and b.users is not None and not a.users & b.users)
        or (a.cohort is not None and b.cohort is not None and a.cohort != b.cohort)
        or (a.attempts is not None and b.attempts is not None and not a.attempts & b.attempts)
    )
