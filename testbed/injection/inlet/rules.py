"""The rules of the inlet as text: the format of requests to its control address, and of its answers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from testbed.errors import FaultError, TestbedError
from testbed.faults.operations import RATE, Rule, Scope

ANY = "*"
GRPC = "grpc-"  # before the number of a gRPC status
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ADDRESS = re.compile(r"[0-9.]+:[0-9]+")


def encode(rules: Iterable[Rule]) -> str:
    """Return the rules as text: one line each, ten fields separated by tabs, `*` for a missing one.

    The fields are fault, inlets, abort (503, or grpc-14), delay in ms, KiB/s, users, cohort, requests, attempts, seed;
    sets are sorted, with commas. Raises `FaultError` for invalid values: a name outside [A-Za-z0-9._-], a
    status outside 200..599, a delay that is not whole milliseconds, a rate outside `RATE`, a share outside 0..1.
    """
    return "".join(_line(rule) for rule in rules)


def decode(text: str) -> tuple[Rule, ...]:
    """Return the rules of a text that `encode` or the inlet wrote. Raises `TestbedError` for any other text."""
    try:
        return tuple(_rule(line.split("\t")) for line in text.split("\n") if line)
    except ValueError as problem:
        raise TestbedError(f"not a set of inlet rules ({problem}): {text[:200]!r}") from problem


def as_read(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return rules as they are read from the inlet, in the same order."""
    return decode(encode(rules))


def _line(rule: Rule) -> str:
    _check(rule)
    scope = rule.scope
    fields = (
        rule.fault,
        ",".join(sorted(set(rule.inlets))),
        _number(rule.abort) if rule.grpc_status is None else f"{GRPC}{rule.grpc_status}",
        _number(rule.delay_ms),
        _number(rule.kb_per_s),
        _set(scope.users),
        ANY if scope.cohort is None else scope.cohort,
        _number(scope.requests),
        _set(scope.attempts),
        str(scope.seed),
    )
    return "\t".join(fields) + "\n"


def _rule(fields: list[str]) -> Rule:
    fault, inlets, abort, delay, rate, users, cohort, requests, attempts, seed = fields
    scope = Scope(
        users=None if users == ANY else frozenset(_members(users)),
        cohort=None if cohort == ANY else cohort,
        requests=None if requests == ANY else float(requests),
        attempts=None if attempts == ANY else frozenset(map(int, _members(attempts))),
        seed=int(seed),
    )
    grpc = int(abort.removeprefix(GRPC)) if abort.startswith(GRPC) else None
    status, kb_per_s = (None if text == ANY or text.startswith(GRPC) else int(text) for text in (abort, rate))
    return Rule(fault, tuple(_members(inlets)), status, None if delay == ANY else float(delay), scope, kb_per_s, grpc)


def _members(text: str) -> list[str]:
    return text.split(",") if text else []


def _number(value: float | None) -> str:
    return ANY if value is None else f"{value:.17g}"


def _set(members: frozenset[str] | frozenset[int] | None) -> str:
    return ANY if members is None else ",".join(sorted(map(str, members)))


def _check(rule: Rule) -> None:
    scope = rule.scope
    names = [rule.fault, *(scope.users or ()), *([] if scope.cohort is None else [scope.cohort])]
    for name in names:
        _refuse(not _NAME.fullmatch(name), f"the name {name!r} has characters outside [A-Za-z0-9._-]")
    for inlet in rule.inlets:
        _refuse(not _ADDRESS.fullmatch(inlet), f"{inlet!r} is not an inlet address such as 127.50.1.1:20001")
    _refuse(not rule.inlets, f"the rule {rule.fault} has no inlet to act on")
    status, delay, rate, share = rule.abort, rule.delay_ms, rule.kb_per_s, scope.requests
    grpc = rule.grpc_status
    nothing = (status, grpc, delay, rate) == (None, None, None, None)
    _refuse(nothing, f"the rule {rule.fault} neither aborts, delays nor throttles")
    _refuse(grpc is not None and status is not None, f"the rule {rule.fault} aborts with two statuses")
    _refuse(grpc is not None and not 0 < grpc <= 16, f"abort takes a gRPC status from 1 to 16, not {grpc}")
    _refuse(status is not None and not 200 <= status <= 599, f"abort takes a status from 200 to 599, not {status}")
    whole = delay is None or (math.isfinite(delay) and delay >= 0 and delay % 1 == 0)
    _refuse(not whole, f"a delay is whole milliseconds, 0 or more, not {delay}")
    bad = rate is not None and not (type(rate) is int and RATE.low <= rate <= RATE.high)
    _refuse(bad, f"a rate is a whole number from {RATE.low} to {RATE.high}, not {rate}")
    _refuse(share is not None and not 0 <= share <= 1, f"a share of the requests is from 0 to 1, not {share}")
    _refuse(any(attempt < 1 for attempt in scope.attempts or ()), "attempts count from 1")


def _refuse(wrong: bool, message: str) -> None:
    if wrong:
        raise FaultError(message)
