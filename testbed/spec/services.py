"""A service: its language, its replicas, and how it behaves on each of its routes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.spec.base import Count, ErrorStatus, Model, ShortForm, whole
from testbed.spec.calls import Call, Method, Path, Step, every_call
from testbed.spec.durations import DURATION_SCHEMA, Millis, to_ms
from testbed.spec.edges import CLIENT, Protocol
from testbed.spec.old_keys import SERVICE, made_in_python
from testbed.spec.problems import Place, wrong
from testbed.spec.programs import Program, kinds_of

METHODS: tuple[str, ...] = Method.__args__  # type: ignore[attr-defined]
DEFAULT_ROUTE = "*"
"""The route of every request for which `routes` has no entry."""


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
            raise wrong(f"{high} is shorter than {low}: percentiles can only rise")
    return ordered


Work = Annotated[
    dict[Annotated[str, AfterValidator(_percentile)], Millis],
    BeforeValidator(_fixed_is_a_distribution),
    AfterValidator(_rising),
    Field(json_schema_extra={"minProperties": 1, "propertyNames": {"pattern": r"^p(100|[0-9]{1,2}(\.[0-9]+)?)$"}}),
    ShortForm(DURATION_SCHEMA),
]
"""Percentile to milliseconds; a duration alone is always exactly that long."""


class Concurrency(Model):
    """How many requests one replica works on at once, and what becomes of the others."""

    limit: Annotated[int, whole(least=1)]
    """Requests in work at once."""
    queue: Count = 0
    """Requests that wait for their turn."""
    shed: ErrorStatus = 503
    """The status that all further requests are answered with at once (429 or 503)."""


class Answer(Model):
    """The answer of a route on which nothing failed."""

    status: Annotated[int, whole(least=200, most=599)] = 200
    """The status."""
    bytes: Annotated[int, whole(least=0, most=64 * 1024 * 1024)] = 0
    """How many bytes of padding the body holds."""


class Route(Model):
    """What a service does for a request: work, then calls step by step, then the answer."""

    calls: tuple[Step, ...] = ()
    """Calls to other services, one after the other; {parallel: [...]} for calls at the same time."""
    work: Work | None = None
    """Time spent before the first call: a duration, or percentiles such as {p50: 5ms, p99: 80ms}."""
    answer: Answer = Answer()
    """The answer when all went well."""


EXPECTED = "x-envoy-expected-rq-timeout-ms"  # by which Envoy tells the callee for how long it will wait
HOP_HEADERS = {"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"}


def _header(name: str) -> str:
    lower = name.lower()
    if not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]+", lower):
        raise wrong(f"{name!r} is not a header name")
    if lower in HOP_HEADERS or (lower.startswith("x-envoy-") and lower != EXPECTED):
        raise wrong(f"{name!r} cannot be forwarded: it belongs to one connection or to the proxies")
    return lower


Header = Annotated[str, AfterValidator(_header)]


def _route_key(key: str) -> str:
    if re.fullmatch(rf"(({'|'.join(METHODS)}) )?/[^\s?]*", key):
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
            f"{name!r} is not a service name: small letters, digits and single hyphens, beginning with a letter "
            "and not ending in a number of its own (pricing-1 is a replica)"
        )
    return name


ServiceName = Annotated[str, AfterValidator(_service_name)]


NodeNumber = Annotated[int, whole(least=1, most=254)]


def _several_nodes(value: object) -> object:
    return [value] if isinstance(value, int) else value


class Service(Program, Route):
    """One service; all its replicas are alike. It is exactly one of language (a stub), command, image or address.

    The calls, work and answer of a stub are those of its default route; of any other service, calls has the names only.
    """

    language: Literal["node", "go", "python"] | None = None
    """Which of the stubs runs it."""
    protocol: Protocol = "http"
    """What it is spoken to in: http (HTTP/1.1), http2 (without TLS), grpc, or tcp for anything else."""
    replicas: Annotated[int, whole(least=1, most=254)] = 1
    """How many copies run."""
    node: (
        Annotated[
            tuple[NodeNumber, ...],
            BeforeValidator(_several_nodes),
            Field(min_length=1),
            ShortForm({"type": "integer", "minimum": 1, "description": "All replicas run on this node."}),
        ]
        | None
    ) = None
    """On which nodes its replicas run, in turn, where placement is node: 1, or [1, 1, 2]. Default: 1, 2, 3, ..."""
    routes: dict[RouteKey, Route] = {}
    """Behaviour of single paths, by "GET /path" or "/path"; it takes nothing over from the service's own."""
    concurrency: Concurrency | None = None
    """How many requests one replica works on at once. Default: as many as come."""
    outbound: Literal["listener", "httpProxy"] = "listener"
    """How its calls reach the mesh: a listener of the proxy for each upstream, or HTTP_PROXY."""
    forward_headers: tuple[Header, ...] = ()
    """Headers of the incoming request to hand on, besides the topology's."""
    deadline: Header | None = None
    """The header by which callers say how many milliseconds they will still wait, such as
    x-envoy-expected-rq-timeout-ms. The service then begins nothing after that (504), waits no longer for its own calls,
    and tells them what is left. Default: it takes no notice."""
    on_client_disconnect: Literal["cancel", "continue"] = "cancel"
    """Whether it stops working for a caller that has closed its connection, or goes on as many do."""
    termination_grace_period: Millis = 0.0
    """How long after SIGTERM it may finish what it has begun, without new connections. Default: it ends at once."""
    reset_path: Path | None = None
    """A path that gets a POST between tests, so that the service forgets what it has learnt (its stale answers)."""

    @model_validator(mode="before")
    @classmethod
    def _renewed(cls, data: object) -> object:
        return made_in_python(data, SERVICE)

    @property
    def kind(self) -> str:
        """What it is: "node", "go" or "python", or "command", "image" or "address"."""
        return self.language or (kinds_of(self) or [""])[0]

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own, and none of the stubs."""
        return self.language is None

    @property
    def route_table(self) -> dict[str, Route]:
        """Every route by its key, the default one ("*") first. A `resetPath` without a route does nothing."""
        keys = {f"POST {self.reset_path}", self.reset_path} if self.reset_path else set()
        reset = {f"POST {self.reset_path}": Route()} if keys and not keys & set(self.routes) else {}
        return {DEFAULT_ROUTE: self, **reset, **self.routes}

    def route_key(self, method: str, path: str) -> str:
        """Which key of the route table answers a request: method and path, path alone, or the default."""
        table, plain = self.route_table, path.partition("?")[0]
        return next((key for key in (f"{method} {plain}", plain) if key in table), DEFAULT_ROUTE)

    def every_call(self) -> Iterator[tuple[str, Place, Call]]:
        """Yield each call that the service may make: the route's key, where it is written, the call."""
        for key, route in self.route_table.items():
            place: Place = ("calls",) if key == DEFAULT_ROUTE else ("routes", key, "calls")
            for found, call in every_call(route.calls, place):
                yield key, found, call
