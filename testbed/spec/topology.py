"""The topology: services, who calls whom, and the policies of each edge; read from YAML or made in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from testbed.errors import TopologyError, nearest
from testbed.spec.base import EdgeText, Model, ShortForm, Spelling, whole
from testbed.spec.calls import Call, Fail, Fallback, Parallel, Retry, calls_of
from testbed.spec.edges import CLIENT, Edge
from testbed.spec.lint.lint import smells_of
from testbed.spec.meshes import DEFAULT, MeshName, capabilities
from testbed.spec.overrides import (
    Addresses,
    PolicyOverrides,
    contradictions,
    merged_policies,
    services_with,
    unknown_services,
    written,
)
from testbed.spec.policies.policy import CircuitBreaker, ConnectionPool, OutlierDetection, Policy
from testbed.spec.policies.retries import Backoff, Retries, RetryBudget
from testbed.spec.problems import Place, Problem, explain, several
from testbed.spec.reading import Source, read_yaml
from testbed.spec.rules.protocols import Protocol
from testbed.spec.rules.rules import FIRST_LINK_PORT, broken_rules, no_edge
from testbed.spec.services import Answer, Concurrency, Header, Route, Service, ServiceName

__all__ = [
    "CLIENT",
    "Answer",
    "Backoff",
    "Call",
    "CircuitBreaker",
    "Concurrency",
    "ConnectionPool",
    "Edge",
    "EdgeSettings",
    "Fail",
    "Fallback",
    "OutlierDetection",
    "Parallel",
    "Policy",
    "Ports",
    "Retries",
    "Retry",
    "RetryBudget",
    "Route",
    "Service",
    "Topology",
    "calls_of",
    "load_topology",
]

_Port = Annotated[int, whole(least=1, most=FIRST_LINK_PORT - 1)]


class Ports(Model):
    """The ports that every replica has on its own address; 10000 and above belong to the testbed."""

    app: _Port = 8080
    """The application."""
    proxy: _Port = 4140
    """The proxy's HTTP_PROXY listener; the listeners for single upstreams follow from the next port on."""
    admin: _Port = 9990
    """The proxy's own administration."""


class EdgeSettings(Model):
    """How the testbed treats one edge."""

    request_faults: Annotated[bool, ShortForm({"enum": ["on", "off"]})] = True
    """Whether requests can be delayed or aborted one by one; without, the link leads straight to the app."""


class Topology(Model):
    """Services, who calls whom, and how each edge is protected. Raises TopologyError when it does not fit together."""

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
    forward: tuple[Header, ...] = ()
    """Headers that every stub hands on, besides traceparent, tracestate, baggage, x-request-id and those of context."""
    context: tuple[Header, ...] = ()
    """Headers that carry a request's id, user and cohort besides baggage, for services that hand on one of these."""

    _source: Source = PrivateAttr(default_factory=Source)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := broken_rules(self):
            raise several(problems)
        return self

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

    @property
    def folder(self) -> Path:
        """The folder of its file, or the current one where it was made in Python."""
        return Path(self._source.file).absolute().parent if self._source.file else Path.cwd()

    def warnings(self) -> tuple[str, ...]:
        """What is legal but hardly meant, one sentence each, with the line where the topology was read from a file."""
        return tuple(self._source.at(smell.place, smell.message) for smell in smells_of(self))

    def located(self, place: Place, message: str) -> str:
        """Write a message about one place, with file and line where the topology was read from a file."""
        return self._source.at(place, str(Problem(place, message)))

    def with_overrides(
        self,
        *,
        mesh: str | None = None,
        placement: str | None = None,
        policies: PolicyOverrides | None = None,
        replicas: Mapping[str, int] | None = None,
        addresses: Addresses | None = None,
        request_faults: bool | None = None,
    ) -> Topology:
        """Return a topology with some things different; None leaves a thing as it is.

        `policies` maps edges to what changes in their policy, merged key by key; None removes the policy. `addresses`
        maps services that run already to host and port; of how such a service was to be started, nothing is left.
        `request_faults` holds for all edges. With mesh none there is nothing to place, so a file's placement is left
        out. Raises TopologyError for what is unknown, wrong or contradictory.
        """
        policies, replicas, addresses = policies or {}, replicas or {}, addresses or {}
        unknown = unknown_services(self, replicas=replicas, addresses=addresses)
        problems = [*unknown, *contradictions(self, mesh, policies)]
        if problems:
            raise _override_error(problems)
        services = services_with(self, replicas, addresses)
        data = written(self) | {"services": services, "policies": merged_policies(self, policies)}
        data |= {key: value for key, value in (("mesh", mesh), ("placement", placement)) if value is not None}
        if mesh and not capabilities(mesh).is_proxy and placement is None:
            data.pop("placement", None)
        if request_faults is not None:
            able = [edge for edge in self.edges() if self.protocol(edge) != "tcp"]
            data["edges"] = {str(edge): {"requestFaults": request_faults} for edge in able}
        return self._derived(data)

    def without_policies(self) -> Topology:
        """Return the same topology with no policy on any edge."""
        return self._derived(written(self) | {"policies": ()})

    def _derived(self, data: dict[str, Any]) -> Topology:
        try:
            made = Topology.model_validate(data)
        except ValidationError as error:
            raise _override_error(_by_edge(problem, data) for problem in explain(error, Topology)) from None
        same = [policy.edge for policy in made.policies if policy in self.policies]
        made._source = self._source.moved(_numbers(self), _numbers(made), same)
        return made

    def _known(self, service: str) -> str:
        if service not in self.services:
            raise TopologyError(f"no service {service!r}{nearest(service, self.services)}")
        return service


def load_topology(path: str | PathLike[str]) -> Topology:
    """Read a topology from a YAML file.

    Raises `TopologyError` with one line for each problem: file, line, field, what is wrong, the nearest valid choice.
    """
    document = read_yaml(Path(path))
    if not isinstance(document.data, Mapping):
        raise document.source.error([Problem((), "not a topology: a mapping with name, entry and services is wanted")])
    try:
        made = Topology.model_validate(document.data)
    except ValidationError as error:
        raise document.source.error([*document.problems, *explain(error, Topology)]) from None
    if document.problems:
        raise document.source.error(document.problems)
    made._source = document.source
    return made


def recorded_topology(data: Mapping[str, object]) -> Topology:
    """Read a topology from the JSON data of a history. Raises `TopologyError` for data that is none."""
    try:
        return Topology.model_validate(data)
    except ValidationError as error:
        raise TopologyError("; ".join(map(str, explain(error, Topology)))) from None


def _numbers(topology: Topology) -> dict[str, Place]:
    return {policy.edge: topology.place_of(policy) for policy in topology.policies}


def _override_error(problems: Iterable[Problem]) -> TopologyError:
    return TopologyError("\n".join(f"override of {problem}" for problem in problems))


def _by_edge(problem: Problem, data: Mapping[str, Any]) -> Problem:
    """Name a policy by its edge, as the override did, and not by its number in the list."""
    match problem.place:
        case ("policies", int(index), *rest):
            policy = data["policies"][index]
            edge = policy.edge if isinstance(policy, Policy) else policy["edge"]
            return Problem(("policies", edge, *rest), problem.message)
    return problem
