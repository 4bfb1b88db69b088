"""Check a behaviour description. Every key must be there; an error names the place and what is wanted."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class BadInput(Exception):
    """The stub cannot start with what it was given; the text is one line for the user."""


def checked(behaviour: Any) -> dict[str, Any]:
    """Return the behaviour, checked, with every `work` as sorted (percent, milliseconds) knots."""
    top = _object(behaviour, "it")
    _require(_get(top, "protocol", "it") in ("http", "grpc"), "protocol", "'http' or 'grpc'")
    _require(_get(top, "wiring", "it") in ("listener", "proxy"), "wiring", "'listener' or 'proxy'")
    forward = _list(_get(top, "forward", "it"), "forward")
    _require(all(isinstance(name, str) for name in forward), "forward", "a list of header names")
    for key in ("deadline", "reset"):
        _require(_get(top, key, "it") is None or isinstance(top[key], str), key, "null or a text")
    _require(_get(top, "hang_up", "it") in ("stop", "continue"), "hang_up", "'stop' or 'continue'")
    _require(_number(_get(top, "grace", "it")), "grace", "milliseconds, 0 or more")
    if _get(top, "concurrency", "it") is not None:
        _concurrency(_object(top["concurrency"], "concurrency"))
    _route(_get(top, "default", "it"), "default")
    for name, route in _object(_get(top, "routes", "it"), "routes").items():
        _route(route, f"routes[{name}]")
    return top


def called(behaviour: dict[str, Any]) -> dict[str, str]:
    """Return the names of all upstreams that a checked behaviour can call, each with the protocol it is called in."""
    routes = [behaviour["default"], *behaviour["routes"].values()]
    calls = (call for route in routes for step in route["steps"] for call in step["parallel"])
    return {name: protocol for call in calls for name, protocol in _callees(call)}


def _callees(call: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield call["to"], call["protocol"]
    if call["on_failure"]["kind"] == "call":
        yield from _callees(call["on_failure"]["call"])


def _concurrency(value: dict[str, Any]) -> None:
    _integer(value, "limit", "concurrency", 1)
    _integer(value, "queue", "concurrency", 0)
    _integer(value, "shed", "concurrency", 200, 599)


def _route(value: Any, where: str) -> None:
    route = _object(value, where)
    route["work"] = _knots(_get(route, "work", where), f"{where}.work")
    for number, step in enumerate(_list(_get(route, "steps", where), f"{where}.steps")):
        place = f"{where}.steps[{number}]"
        calls = _list(_get(_object(step, place), "parallel", place), f"{place}.parallel")
        for index, call in enumerate(calls):
            _call(call, f"{place}.parallel[{index}]")
    answer = _object(_get(route, "answer", where), f"{where}.answer")
    _integer(answer, "status", f"{where}.answer", 200, 599)
    _integer(answer, "bytes", f"{where}.answer", 0)


def _knots(value: Any, where: str) -> list[tuple[float, float]]:
    """Return the knots of the distribution, sorted by percent; none for no work at all."""
    if value is None:
        return []
    wanted = "null or percent -> milliseconds with knots 0 and 100"
    try:
        knots = sorted((float(percent), ms) for percent, ms in _object(value, where).items())
    except ValueError:
        raise BadInput(f"{where} must be {wanted}") from None
    percents = [percent for percent, _ in knots]
    ends = percents[:1] == [0.0] and percents[-1:] == [100.0]
    _require(ends and len(set(percents)) == len(percents) and all(_number(ms) for _, ms in knots), where, wanted)
    return knots


def _call(value: Any, where: str) -> None:
    call = _object(value, where)
    for key in ("to", "method"):
        text = _get(call, key, where)
        _require(isinstance(text, str) and text != "", f"{where}.{key}", "a text")
    _require(_get(call, "protocol", where) in ("http", "grpc"), f"{where}.protocol", "'http' or 'grpc'")
    path = _get(call, "path", where)
    visible = isinstance(path, str) and path.isascii() and path.isprintable() and " " not in path
    _require(visible and path.startswith("/"), f"{where}.path", "a path of visible ASCII from /")
    timeout = _get(call, "timeout", where)
    _require(timeout is None or (_number(timeout) and timeout > 0), f"{where}.timeout", "null or more than 0 ms")
    _integer(call, "retries", where, 0)
    _require(_number(_get(call, "pause", where)), f"{where}.pause", "milliseconds, 0 or more")
    _on_failure(_object(_get(call, "on_failure", where), f"{where}.on_failure"), f"{where}.on_failure")


def _on_failure(value: dict[str, Any], where: str) -> None:
    kind = _get(value, "kind", where)
    kinds = ("fail", "ignore", "default", "stale", "call")
    _require(kind in kinds, f"{where}.kind", "fail, ignore, default, stale or call")
    if kind == "fail":
        _integer(value, "status", where, 200, 599)
        keep = _list(_get(value, "keep", where), f"{where}.keep")
        _require(all(type(status) is int for status in keep), f"{where}.keep", "a list of statuses")
    if kind in ("default", "stale", "call"):
        _require(isinstance(_get(value, "name", where), str), f"{where}.name", "a text")
    if kind == "default":
        _get(value, "answer", where)
    if kind == "call":
        _call(_get(value, "call", where), f"{where}.call")


def _require(holds: bool, where: str, wanted: str) -> None:
    if not holds:
        raise BadInput(f"{where} must be {wanted}")


def _get(value: dict[str, Any], key: str, where: str) -> Any:
    if key not in value:
        raise BadInput(f"{where} lacks {key!r}")
    return value[key]


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(f"{where} must be an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadInput(f"{where} must be a list")
    return value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _integer(value: dict[str, Any], key: str, where: str, least: int, most: int = 2**31) -> None:
    number = _get(value, key, where)
    wanted = f"a whole number from {least}" + (f" to {most}" if most < 2**31 else "")
    _require(type(number) is int and least <= number <= most, f"{where}.{key}", wanted)
