"""Refuses bad bounds when a check is created, with one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.arguments import is_number
from testbed.errors import CheckError
from testbed.history.index import Index
from testbed.spec.grpc_status import number


def numbers(check: str, **values: object) -> None:
    """Raise `CheckError` unless every value is a finite number."""
    for key, value in values.items():
        if not is_number(value):
            raise CheckError(f"{check}: {key} must be a number, not {value!r}")


def positive(check: str, **values: object) -> None:
    """Raise `CheckError` unless every value is a finite number above zero."""
    for key, value in values.items():
        if not (is_number(value) and value > 0):
            raise CheckError(f"{check}: {key} must be a number above 0, not {value!r}")


def percentage(check: str, **values: object) -> None:
    """Raise `CheckError` unless every value is above 0 and at most 100."""
    for key, value in values.items():
        if not (is_number(value) and 0 < value <= 100):
            raise CheckError(f"{check}: {key} must be above 0 and at most 100, not {value!r}")


def whole(check: str, **values: object) -> None:
    """Raise `CheckError` unless every value is a whole number of zero or more."""
    for key, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise CheckError(f"{check}: {key} must be a whole number of 0 or more, not {value!r}")


def exactly_one(check: str, **values: object) -> Mapping[str, object]:
    """Return the one value that is given; `CheckError` for none or several."""
    given = {key: value for key, value in values.items() if value is not None}
    if len(given) != 1:
        names = ", ".join(f"{key}=" for key in values)
        found = f"not {len(given)} of them" if given else "there is no bound"
        raise CheckError(f"{check}: give exactly one of {names}; {found}")
    return given


def grpc_statuses(check: str, names: str | tuple[str, ...] | None) -> tuple[int, ...]:
    """Return the numbers of gRPC statuses, none for None. Raises `CheckError` for an unknown name."""
    try:
        return tuple(map(number, () if names is None else names if isinstance(names, tuple) else (names,)))
    except ValueError as problem:
        raise CheckError(f"{check}: {problem}") from None


def carries(check: str, index: Index, edge: str, grpc: bool) -> None:
    """Raise `CheckError` if the answers on an edge have no status of this kind."""
    protocol = index.facts.protocols.get(edge, "")
    if grpc and protocol not in ("", "grpc"):
        raise CheckError(f"{check}: {edge} carries {protocol}, which has no gRPC status; use status=")
    if not grpc and protocol == "grpc":
        raise CheckError(f'{check}: {edge} carries gRPC: use grpc_status="OK", or another gRPC status')
