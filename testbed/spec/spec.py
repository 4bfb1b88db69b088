"""What a topology says: services, who calls whom, the policies of each edge; and questions to that graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from testbed.errors import TopologyError, nearest
from testbed.spec.base import EdgeText, Model, ShortForm, Spelling, whole
from testbed.spec.edges import CLIENT, Edge, Protocol, no_edge
from testbed.spec.meshes import DEFAULT, MeshName
from testbed.spec.old_keys import TOPOLOGY, made_in_python
from testbed.spec.policies.policy import Policy
from testbed.spec.ports import Ports
from testbed.spec.problems import Place
from testbed.spec.services import Header, Service, ServiceName


class EdgeSettings(Model):
    """How the testbed treats one edge."""

    request_faults: Annotated[bool, ShortForm({"enum": ["on", "off"]})] = True
    """Whether requests can be delayed or aborted one by one; without, the link leads straight to the app."""


class Spec(Model):
    """What a topology says, and questions to its graph; nothing here says whether the parts fit together."""

    name: Annotated[str, Spelling(r"[A-Za-z0-9][A-Za-z0-9._-]*", "have only letters, digits, dots, hyphens and _")]
    """What the topology is called in reports."""
    mesh: MeshName = DEFAULT
    """Who enforces the policies: Envoys (`placement` says where), or nobody (the control arm)."""
    placement: Literal["sidecar", "node"] = "sidecar"
    """Where the proxies run: one beside each replica, or one on each node for all replicas there, as a DaemonSet."""
    nodes: Annotated[int, whole(least=1, most=254)] = 2
    """How many nodes there are, where placement is node. Default: 2, the fewest with which a failure spares some."""
    entry: str
    """The service at which the load enters, in what it speaks: http, http2 or grpc."""
    services: Annotated[dict[ServiceName, Service], Field(min_length=1, max_length=254)]
    """The services by name."""
    policies: tuple[Policy, ...] = ()
    """What the callers' proxies do, at most one policy for an edge. What is not written is off."""
    edge_settings: Annotated[dict[EdgeText, EdgeSettings], Field(alias="edges")] = {}
    """How the testbed treats single edges, by "caller -> callee"; "client -> ENTRY" is the load's own."""
    ports: Ports = Ports()
    """Ports that every replica has on its own address."""
    forward_headers: tuple[Header, ...] = ()
    """Headers that every stub hands on, besides traceparent, tracestate, baggage, x-request-id and contextHeaders."""
    context_headers: tuple[Header, ...] = ()
    """Headers that carry a request's id, user and cohort besides baggage, for services that hand on one of these."""

    @model_validator(mode="before")
    @classmethod
    def _renewed(cls, data: object) -> object:
        return made_in_python(data, TOPOLOGY)

    @cached_property
    def _upstreams(self) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(dict.fromkeys(call.to for _, _, call in service.every_call()))
            for name, service in self.services.items()
        }

    def edges(self) -> tuple[Edge, ...]:
        """Every edge in file order, the load's own ("client -> ENTRY") first."""
        inner = [Edge(caller, callee) for caller, callees in self._upstreams.items() for callee in callees]
        return (Edge(CLIENT, self.entry), *inner)

    def edge(self, text: str) -> Edge:
        """Read "caller -> callee"; TopologyError with the nearest edge if nobody calls so."""
        try:
            edge = Edge.parse(text)
        except ValueError as error:
            raise TopologyError(str(error)) from None
        if edge not in self.edges():
            raise TopologyError(no_edge(str(edge), [str(known) for known in self.edges()]))
        return edge

    def upstreams(self, service: str) -> tuple[str, ...]:
        """The services that `service` calls, fallback calls included, in file order."""
        return self._upstreams[self._known(service)]

    def callers_of(self, service: str) -> frozenset[str]:
        """The services from which a request can get to `service`, over any number of edges; never the load."""
        self._known(service)
        above: set[str] = set()
        while more := {e.caller for e in self.edges() if e.callee in above | {service}} - above - {CLIENT}:
            above |= more
        return frozenset(above)

    def reachable(self) -> frozenset[str]:
        """The services that a request from the load can get to."""
        found = {self.entry}
        while more := {callee for name in found for callee in self._upstreams[name]} - found:
            found |= more
        return frozenset(found)

    def replica_names(self, service: str) -> tuple[str, ...]:
        """The names of a service's replicas: pricing-1, pricing-2."""
        return tuple(f"{service}-{n}" for n in range(1, self.services[self._known(service)].replicas + 1))

    def node_of(self, service: str, number: int) -> str:
        """The node on which the n-th replica of a service runs ("node-1"), in turn; "" where placement is sidecar."""
        if self.placement != "node":
            return ""
        choice = self.services[self._known(service)].node or range(1, self.nodes + 1)
        return f"node-{choice[(number - 1) % len(choice)]}"

    def policy(self, edge: Edge | str) -> Policy | None:
        """The policy of an edge, if it has one."""
        text = str(edge if isinstance(edge, Edge) else self.edge(edge))
        return next((policy for policy in self.policies if policy.edge == text), None)

    def place_of(self, policy: Policy) -> Place:
        """Where a policy is written, for messages."""
        return ("policies", self.policies.index(policy))

    def has_request_faults(self, edge: Edge | str) -> bool:
        """Whether the edge has an inlet, so that single requests on it can be hit."""
        settings = self.edge_settings.get(str(edge if isinstance(edge, Edge) else self.edge(edge)))
        return self.protocol(edge) != "tcp" and (settings is None or settings.request_faults)

    def protocol(self, edge: Edge | str) -> Protocol:
        """What an edge carries: the protocol of its callee."""
        return self.services[(edge if isinstance(edge, Edge) else self.edge(edge)).callee].protocol

    def without_policies(self) -> Self:
        """Return the same with no policy on any edge."""
        return self.model_copy(update={"policies": ()})

    def with_addresses(self, addresses: Mapping[str, str]) -> Self:
        """Return the same with services that run already at other addresses, each of them a right "host:port"."""
        moved = {name: self.services[name].model_copy(update={"address": at}) for name, at in addresses.items()}
        return self.model_copy(update={"services": {**self.services, **moved}}) if moved else self

    def _known(self, service: str) -> str:
        if service not in self.services:
            raise TopologyError(f"no service {service!r}{nearest(service, self.services)}")
        return service
