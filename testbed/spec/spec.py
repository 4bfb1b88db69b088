"""The content of a topology: services, calls and policies, with queries on the call graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from testbed.errors import TopologyError, nearest
from testbed.spec.base import EXTENSIBLE, EdgeText, Model, ShortForm, Spelling, whole, without_extensions
from testbed.spec.edges import CLIENT, Edge, Protocol, no_edge
from testbed.spec.meshes import DEFAULT, MeshName
from testbed.spec.old_keys import TOPOLOGY, made_in_python
from testbed.spec.policies.policy import Policy
from testbed.spec.ports import Ports
from testbed.spec.problems import FieldPath
from testbed.spec.services import Header, Service, ServiceName


class EdgeSettings(Model):
    """Settings of the testbed for one edge."""

    request_faults: Annotated[bool, ShortForm({"enum": ["on", "off"]})] = True
    """Whether faults can act on single requests. If off, the link leads directly to the app, without an inlet."""


FieldName = Annotated[str, Spelling(r"[A-Za-z0-9_-]+", "have only letters, digits, hyphens and _")]
RECORDED = ("location", "retry-after")  # headers of answers that are always recorded
KEYS = ("idempotency-key", "grpc-previous-rpc-attempts")  # headers of requests that are always recorded


class Spec(Model):
    """The content of a topology, with queries on its call graph. It does not check that the parts are consistent."""

    model_config = EXTENSIBLE

    name: Annotated[str, Spelling(r"[A-Za-z0-9][A-Za-z0-9._-]*", "have only letters, digits, dots, hyphens and _")]
    """The name in reports."""
    mesh: MeshName = DEFAULT
    """The mesh that enforces the policies: envoy, or none to run without policies."""
    placement: Literal["sidecar", "node"] = "sidecar"
    """Where the proxies run: one beside each replica, or one on each node for all its replicas (like a DaemonSet)."""
    nodes: Annotated[int, whole(least=1, most=254)] = 2
    """The number of nodes, with placement node. Default: 2, so that the failure of one node leaves one."""
    entry: str
    """The service that the load calls. Its protocol is http, http2 or grpc."""
    services: Annotated[dict[ServiceName, Service], Field(min_length=1, max_length=254)]
    """The services by name."""
    policies: tuple[Policy, ...] = ()
    """The policies of the callers' proxies, at most one for each edge. What is not set is off."""
    edge_settings: Annotated[dict[EdgeText, EdgeSettings], Field(alias="edges")] = {}
    """Settings of the testbed for single edges, by "caller -> callee". The edge of the load is "client -> ENTRY"."""
    ports: Ports = Ports()
    """The ports of every replica at its address."""
    forward_headers: tuple[Header, ...] = ()
    """Headers that every stub forwards, besides traceparent, tracestate, baggage, x-request-id and contextHeaders."""
    context_headers: tuple[Header, ...] = ()
    """Headers that carry the request id, user and cohort besides baggage, for services that forward one of these."""
    answer_headers: tuple[Header, ...] = ()
    """Headers of answers that are recorded, at the users and on every edge, besides location and retry-after."""
    telemetry: Literal["off", "otlp"] = "off"
    """Whether services send spans to the testbed: with otlp they get the OTEL_ variables for it."""

    record_queries: bool = False
    """Whether the values of query strings are recorded. Without it a record has a mark for each: /pay?card=~3f2a1b."""

    effect_keys: tuple[Header, ...] = ()
    """Headers of requests that name an effect, besides idempotency-key: at_most_once(key=) reads them at the inlet."""

    effect_fields: tuple[FieldName, ...] = ()
    """Fields of JSON bodies that name an effect, for at_most_once(key=): the inlet reads bodies of up to 64 KB."""

    @model_validator(mode="before")
    @classmethod
    def _renewed(cls, data: object) -> object:
        return made_in_python(without_extensions(data), TOPOLOGY)

    @property
    def recorded_headers(self) -> tuple[str, ...]:
        """The headers of answers that are recorded, in small letters."""
        return tuple(dict.fromkeys((*RECORDED, *(name.lower() for name in self.answer_headers))))

    @property
    def recorded_keys(self) -> tuple[str, ...]:
        """The headers of requests that are recorded at the inlet, in small letters."""
        return tuple(dict.fromkeys((*KEYS, *(name.lower() for name in self.effect_keys))))

    @cached_property
    def _upstreams(self) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(dict.fromkeys(call.to for _, _, call in service.every_call()))
            for name, service in self.services.items()
        }

    @cached_property
    def _edges(self) -> dict[Edge, None]:
        inner = [Edge(caller, callee) for caller, callees in self._upstreams.items() for callee in callees]
        return dict.fromkeys((Edge(CLIENT, self.entry), *inner))

    @cached_property
    def _policy_of(self) -> dict[str, Policy]:
        return {policy.edge: policy for policy in reversed(self.policies)}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with changes. It computes its edges and policies anew."""
        made = super().model_copy(update=update, deep=deep)
        for name in ("_upstreams", "_edges", "_policy_of"):
            made.__dict__.pop(name, None)
        return made

    def edges(self) -> tuple[Edge, ...]:
        """Every edge in file order. The edge of the load ("client -> ENTRY") comes first."""
        return tuple(self._edges)

    def edge(self, text: str) -> Edge:
        """Read "caller -> callee". Raises TopologyError with the nearest edge if there is no such edge."""
        try:
            edge = Edge.parse(text)
        except ValueError as error:
            raise TopologyError(str(error)) from None
        if edge not in self._edges:
            raise TopologyError(no_edge(str(edge), [str(known) for known in self.edges()]))
        return edge

    def upstreams(self, service: str) -> tuple[str, ...]:
        """The services that `service` calls, fallback calls included, in file order."""
        return self._upstreams[self._known(service)]

    def callers_of(self, service: str) -> frozenset[str]:
        """All direct and indirect callers of `service`, without the load."""
        self._known(service)
        above: set[str] = set()
        while more := {e.caller for e in self.edges() if e.callee in above | {service}} - above - {CLIENT}:
            above |= more
        return frozenset(above)

    def reachable(self) -> frozenset[str]:
        """The services that a request from the load can reach."""
        found = {self.entry}
        while more := {callee for name in found for callee in self._upstreams[name]} - found:
            found |= more
        return frozenset(found)

    def replica_names(self, service: str) -> tuple[str, ...]:
        """The names of the replicas of a service: pricing-1, pricing-2."""
        return tuple(f"{service}-{n}" for n in range(1, self.services[self._known(service)].replicas + 1))

    def node_of(self, service: str, number: int) -> str:
        """The node of the n-th replica of a service ("node-1"); "" where placement is sidecar."""
        if self.placement != "node":
            return ""
        choice = self.services[self._known(service)].node or range(1, self.nodes + 1)
        return f"node-{choice[(number - 1) % len(choice)]}"

    def policy(self, edge: Edge | str) -> Policy | None:
        """The policy of an edge, if it has one."""
        text = str(edge if isinstance(edge, Edge) else self.edge(edge))
        return self._policy_of.get(text)

    def place_of(self, policy: Policy) -> FieldPath:
        """Where a policy is written, for messages."""
        same = (number for number, one in enumerate(self.policies) if one is policy)
        return ("policies", next(same, None) or self.policies.index(policy))

    def has_request_faults(self, edge: Edge | str) -> bool:
        """Whether the edge has an inlet, so that faults can act on single requests."""
        settings = self.edge_settings.get(str(edge if isinstance(edge, Edge) else self.edge(edge)))
        return self.protocol(edge) != "tcp" and (settings is None or settings.request_faults)

    def protocol(self, edge: Edge | str) -> Protocol:
        """The protocol of an edge, which is the protocol of its callee."""
        return self.services[(edge if isinstance(edge, Edge) else self.edge(edge)).callee].protocol

    def without_policies(self) -> Self:
        """Return a copy without policies."""
        return self.model_copy(update={"policies": ()})

    def with_addresses(self, addresses: Mapping[str, str]) -> Self:
        """Return a copy with other addresses of external services, each a valid "host:port"."""
        moved = {name: self.services[name].model_copy(update={"address": at}) for name, at in addresses.items()}
        return self.model_copy(update={"services": {**self.services, **moved}}) if moved else self

    def _known(self, service: str) -> str:
        if service not in self.services:
            raise TopologyError(f"no service {service!r}{nearest(service, self.services)}")
        return service
