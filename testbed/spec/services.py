"""A service: its language, its replicas, and how it behaves on each of its routes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.spec.base import CONTROL, EXTENSIBLE, Count, ErrorStatus, Model, ShortForm, whole, without_extensions
from testbed.spec.calls import Call, Method, Path, Step, every_call
from testbed.spec.durations import DURATION_SCHEMA, Millis, to_ms
from testbed.spec.edges import CLIENT, Protocol
from testbed.spec.old_keys import SERVICE, made_in_python
from testbed.spec.problems import FieldPath, wrong
from testbed.spec.programs import Program, kinds_of

METHODS: tuple[str, ...] = Method.__args__  # type: ignore[attr-defined]
DEFAULT_ROUTE = "*"
"""The route of all requests without an entry in `routes`."""


def _fixed_is_a_distribution(value: object) -> object:
    if isinstance(value, Mapping):
        return value
    ms = to_ms(value)
    return {"p0": ms, "p100": ms}


def _percentile(key: str) -> str:
    if not re.fullmatch(r"p(100|[0-9]{1,2}(\.[0-9]+)?)", key):
        raise wrong(f"{key!r} is not a percentile: write p0 to p100, such as p50 or p99.9")
    return key


def _rising(work: dict[str, float]) -> dict[str, float]:
    ordered = dict(sorted(work.items(), key=lambda item: float(item[0][1:])))
    if not ordered:
        raise wrong("needs at least one percentile, such as {p50: 5ms, p99: 80ms}")
    for (low, less), (high, more) in zip(list(ordered.items()), list(ordered.items())[1:], strict=False):
        if less > more:
            raise wrong(f"{high} is shorter than {low}: a higher percentile cannot be shorter")
    return ordered


Work = Annotated[
    dict[Annotated[str, AfterValidator(_percentile)], Millis],
    BeforeValidator(_fixed_is_a_distribution),
    AfterValidator(_rising),
    Field(json_schema_extra={"minProperties": 1, "propertyNames": {"pattern": r"^p(100|[0-9]{1,2}(\.[0-9]+)?)$"}}),
    ShortForm(DURATION_SCHEMA),
]
"""Percentile to milliseconds. A single duration is a fixed time."""


class Concurrency(Model):
    """How many requests one replica works on at once, and what happens to the others."""

    limit: Annotated[int, whole(least=1)]
    """Requests in work at once."""
    queue: Count = 0
    """Requests that wait in a queue."""
    shed: ErrorStatus = 503
    """The status of the immediate answer to all further requests (429 or 503)."""


class Answer(Model):
    """The answer of a route if nothing failed."""

    status: Annotated[int, whole(least=200, most=599)] = 200
    """The status."""
    bytes: Annotated[int, whole(least=0, most=64 * 1024 * 1024)] = 0
    """Bytes of padding in the body."""


class Route(Model):
    """What a service does for a request: work, then calls step by step, then the answer."""

    calls: tuple[Step, ...] = ()
    """Calls to other services, in sequence; {parallel: [...]} for calls at the same time."""
    work: Work | None = None
    """The time before the first call: a duration, or percentiles such as {p50: 5ms, p99: 80ms}."""
    answer: Answer = Answer()
    """The answer if nothing failed."""


EXPECTED = "x-envoy-expected-rq-timeout-ms"  # the deadline that Envoy sends to the callee
HOP_HEADERS = {"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"}


def _header(name: str) -> str:
    lower = name.lower()
    if not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]+", lower):
        raise wrong(f"{name!r} is not a header name")
    if lower in HOP_HEADERS or (lower.startswith("x-envoy-") and lower != EXPECTED):
        raise wrong(f"{name!r} cannot be forwarded: it is for one connection or for the proxies")
    return lower


Header = Annotated[str, AfterValidator(_header)]


def _route_key(key: str) -> str:
    if re.fullmatch(rf"(({'|'.join(METHODS)}) )?/[^\s?{CONTROL}]*", key):
        return key
    better = " ".join([*(word.upper() for word in key.split()[:-1]), *key.split()[-1:]])
    hint = f" (did you mean {better!r}?)" if better != key and re.fullmatch(r"[A-Z]+ /\S*", better) else ""
    raise wrong(f"{key!r} is not a route: write 'GET /path', or '/path' for any method, without a query{hint}")


RouteKey = Annotated[str, AfterValidator(_route_key)]


def _service_name(name: str) -> str:
    if name == CLIENT:
        raise wrong(f"{CLIENT!r} is the name of the load: choose another")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or re.search(r"-[0-9]+$", name):
        raise wrong(
            f"{name!r} is not a service name: use lowercase letters, digits and single hyphens; start with a letter, "
            "and do not end in a number (pricing-1 is a replica)"
        )
    return name


ServiceName = Annotated[str, AfterValidator(_service_name)]


NodeNumber = Annotated[int, whole(least=1, most=254)]


def _several_nodes(value: object) -> object:
    return [value] if isinstance(value, int) else value


class Service(Program, Route):
    """One service with identical replicas. Set exactly one of language (a stub), command, image or address.

    For a stub, calls, work and answer define the default route. For a custom service, calls lists only names.
    """

    model_config = EXTENSIBLE

    language: Literal["node", "go", "python"] | None = None
    """The language of the stub."""
    protocol: Protocol = "http"
    """Its protocol: http (HTTP/1.1), http2 (without TLS), grpc, or tcp for anything else."""
    replicas: Annotated[int, whole(least=1, most=254)] = 1
    """The number of running copies."""
    node: (
        Annotated[
            tuple[NodeNumber, ...],
            BeforeValidator(_several_nodes),
            Field(min_length=1),
            ShortForm({"type": "integer", "minimum": 1, "description": "All replicas run on this node."}),
        ]
        | None
    ) = None
    """With placement node: the nodes of its replicas, in turn, such as 1 or [1, 1, 2]. Default: 1, 2, 3, ..."""
    routes: dict[RouteKey, Route] = {}
    """The behaviour of single paths, by "GET /path" or "/path". They inherit nothing from the default route."""
    concurrency: Concurrency | None = None
    """How many requests one replica works on at once. Default: no limit."""
    outbound: Literal["listener", "httpProxy"] = "listener"
    """How its calls reach the mesh proxy: through a listener for each upstream, or through HTTP_PROXY."""
    forward_headers: tuple[Header, ...] = ()
    """Headers of the incoming request that it forwards, in addition to those of the topology."""
    deadline: Header | None = None
    """The header with the remaining milliseconds of the caller, such as x-envoy-expected-rq-timeout-ms. After the
    deadline the service answers 504 and stops waiting for its calls. It sends the remaining time with its calls.
    Default: no deadline."""
    on_client_disconnect: Literal["cancel", "continue"] = "cancel"
    """Whether it stops or continues its work on a request when the caller closes the connection."""
    termination_grace_period: Millis = 0.0
    """How long after SIGTERM it finishes open requests, without new connections. Default: it ends at once."""
    reset_path: Path | None = None
    """A path that gets a POST between tests, so that the service clears its state (such as stale answers)."""

    @model_validator(mode="before")
    @classmethod
    def _renewed(cls, data: object) -> object:
        return made_in_python(without_extensions(data), SERVICE)

    @property
    def kind(self) -> str:
        """The kind: "node", "go" or "python", or "command", "image" or "address"."""
        return self.language or (kinds_of(self) or [""])[0]

    @property
    def is_own(self) -> bool:
        """Whether it is a custom service, not a stub."""
        return self.language is None

    @property
    def route_table(self) -> dict[str, Route]:
        """Every route by its key, the default one ("*") first. A `resetPath` without an empty route if it has none."""
        keys = {f"POST {self.reset_path}", self.reset_path} if self.reset_path else set()
        reset = {f"POST {self.reset_path}": Route()} if keys and not keys & set(self.routes) else {}
        return {DEFAULT_ROUTE: self, **reset, **self.routes}

    def route_key(self, method: str, path: str) -> str:
        """Return the route key for a request: method and path, path alone, or the default."""
        table, plain = self.route_table, path.partition("?")[0]
        return next((key for key in (f"{method} {plain}", plain) if key in table), DEFAULT_ROUTE)

    def every_call(self) -> Iterator[tuple[str, FieldPath, Call]]:
        """Yield each call of the service: the key of the route, the place in the topology, the call."""
        for key, route in self.route_table.items():
            place: FieldPath = ("calls",) if key == DEFAULT_ROUTE else ("routes", key, "calls")
            for found, call in every_call(route.calls, place):
                yield key, found, call
