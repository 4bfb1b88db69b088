"""Overrides for one test: another mesh, other policies, more replicas; merged key by key, checked like a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from testbed.errors import nearest
from testbed.spec.edges import CLIENT, Edge
from testbed.spec.meshes import DEFAULT, capabilities
from testbed.spec.policies.policy import Policy
from testbed.spec.problems import Place, Problem
from testbed.spec.rules.rules import no_edge

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

Data = dict[str, Any]
PolicyOverrides = Mapping[str, Mapping[str, Any] | None]
Addresses = Mapping[str, str | tuple[str, int]]
_OF_ADDRESSES = ("protocol", "reset")  # what stays true of a service wherever it runs


def written(model: BaseModel) -> Data:
    """The fields of a model that were written (not defaulted), by their YAML names; their values stay models."""
    fields = type(model).model_fields
    return {fields[name].alias or name: getattr(model, name) for name in fields if name in model.model_fields_set}


def leaves(model: BaseModel) -> Iterator[Place]:
    """The places of all values that were written in a model, at every depth."""
    for name, value in written(model).items():
        yield from ((name, *inner) for inner in leaves(value)) if isinstance(value, BaseModel) else [(name,)]


def pruned(model: BaseModel, place: Place) -> Data:
    """What was written in a model without the value at one place; 1 stands where it cannot be missed."""
    data, (key, *rest) = written(model), place
    name = str(key)
    if rest:
        data[name] = pruned(data[name], tuple(rest))
    elif any(field.is_required() for own, field in type(model).model_fields.items() if name in (own, field.alias)):
        data[name] = 1
    else:
        del data[name]
    return data


def edge_key(text: str) -> str:
    """Normalise an edge's text; what is none stays as it is, and is found unknown later."""
    try:
        return str(Edge.parse(text))
    except ValueError:
        return text


def contradictions(topology: Topology, mesh: str | None, policies: PolicyOverrides) -> Iterator[Problem]:
    """Policy overrides that cannot be meant: for no edge, twice for one, for nothing, or without a proxy."""
    keys = [edge_key(str(text)) for text in policies]
    known = [str(edge) for edge in topology.edges() if edge.caller != CLIENT]
    for key, override in dict(zip(keys, policies.values(), strict=True)).items():
        if message := _contradiction(topology, key, override, known, keys.count(key) > 1):
            yield Problem(("policies", key), message)
    chosen = mesh or topology.mesh
    if not capabilities(chosen).enforces_policies and any(override is not None for override in policies.values()):
        yield Problem(("policies",), f"mesh {chosen} has no proxy that could enforce them; take mesh: {DEFAULT}")


def _contradiction(topology: Topology, key: str, override: object, known: list[str], twice: bool) -> str:
    if key not in known:
        return no_edge(key, known)
    if twice:
        return "given twice"
    if override is None and topology.policy(key) is None:
        return "there is no policy to remove"
    return (
        "" if override is None or isinstance(override, Mapping) else "must be a mapping, or None to remove the policy"
    )


def merged_policies(topology: Topology, overrides: PolicyOverrides) -> list[Policy | Data]:
    """The policies with the overrides merged in; what has no policy yet gets one at the end."""
    wanted = {edge_key(text): override for text, override in overrides.items()}
    merged: list[Policy | Data] = []
    for policy in topology.policies:
        override = wanted.pop(policy.edge, {})
        if override is not None:
            merged.append(_merge(policy, override) if override else policy)
    return merged + [{"edge": edge, **override} for edge, override in wanted.items() if override is not None]


def _merge(model: BaseModel, override: Mapping[str, Any]) -> Data:
    """Key by key, at every depth: a mapping goes into the model that is there, all else takes its place."""
    data = written(model)
    for key, value in override.items():
        alias = _alias(type(model), key)
        below = data.get(alias)
        into = isinstance(below, BaseModel) and isinstance(value, Mapping)
        data[alias] = _merge(cast(BaseModel, below), value) if into else value
    return data


def _alias(model: type[BaseModel], key: str) -> str:
    field = model.model_fields.get(key)
    return (field.alias or key) if field else key


def services_with(topology: Topology, replicas: Mapping[str, int], addresses: Addresses) -> Data:
    """The services, some with another number of replicas, some at an address where they run already."""
    return {
        name: _elsewhere(service, addresses[name])
        if name in addresses
        else {**written(service), "replicas": replicas[name]}
        if name in replicas
        else service
        for name, service in topology.services.items()
    }


def _elsewhere(service: BaseModel, address: object) -> Data:
    """A service that runs already; of how it was to be started, nothing is left."""
    return {key: value for key, value in written(service).items() if key in _OF_ADDRESSES} | {"address": address}


def unknown_services(topology: Topology, **named: Mapping[str, object]) -> Iterator[Problem]:
    """Overrides (`replicas`, `addresses`) of services that are not there."""
    for what, services in named.items():
        for name in services:
            if name not in topology.services:
                yield Problem((what, name), f"no service {name!r}{nearest(name, topology.services)}")
