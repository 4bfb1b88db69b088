"""Merge overrides into a topology key by key. An override that makes no sense is a problem at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel

from testbed.errors import nearest
from testbed.spec.edges import CLIENT, Edge, no_edge
from testbed.spec.meshes import DEFAULT, capabilities
from testbed.spec.overrides import Addresses, Overrides, PolicyOverrides
from testbed.spec.policies.policy import Policy
from testbed.spec.problems import Problem
from testbed.spec.spec import Spec
from testbed.spec.written import Data, written

_OF_ADDRESSES = ("protocol", "resetPath")  # keys that an external service keeps from the file


def objections(spec: Spec, overrides: Overrides) -> list[Problem]:
    """Return problems with the keys of overrides: unknown services and edges, and contradictions."""
    unknown = [problem for what in ("replicas", "addresses") for problem in _unknown_services(spec, overrides, what)]
    return [*unknown, *_contradictions(spec, overrides.get("mesh"), overrides.get("policies") or {})]


def overridden(spec: Spec, overrides: Overrides) -> Data:
    """Return the data of a topology with overrides that have no objections. The result is not validated yet."""
    replicas, addresses = overrides.get("replicas") or {}, overrides.get("addresses") or {}
    data = written(spec) | {
        "services": _services_with(spec, replicas, addresses),
        "policies": _merged_policies(spec, overrides.get("policies") or {}),
    }
    if (mesh := overrides.get("mesh")) and not capabilities(mesh).is_proxy:
        data.pop("placement", None)
    data |= {key: value for key in ("mesh", "placement") if (value := overrides.get(key)) is not None}
    if (enabled := overrides.get("request_faults")) is not None:
        edges = [edge for edge in spec.edges() if spec.protocol(edge) != "tcp"]
        data["edges"] = {str(edge): {"requestFaults": enabled} for edge in edges}
    return data


def _edge_key(text: str) -> str:
    """Normalise an edge. An invalid one stays as it is and is reported as unknown later."""
    try:
        return str(Edge.parse(text))
    except ValueError:
        return text


def _contradictions(spec: Spec, mesh: str | None, policies: PolicyOverrides) -> Iterator[Problem]:
    """Wrong policy overrides: an unknown edge, one edge twice, nothing to remove, or no proxy."""
    keys = [_edge_key(str(text)) for text in policies]
    known = [str(edge) for edge in spec.edges() if edge.caller != CLIENT]
    for key, override in dict(zip(keys, policies.values(), strict=True)).items():
        if message := _contradiction(spec, key, override, known, keys.count(key) > 1):
            yield Problem(("policies", key), message)
    chosen = mesh or spec.mesh
    if not capabilities(chosen).enforces_policies and any(override is not None for override in policies.values()):
        yield Problem(("policies",), f"mesh {chosen} has no proxy to enforce policies; use mesh: {DEFAULT}")


def _contradiction(spec: Spec, key: str, override: object, known: list[str], twice: bool) -> str:
    if key not in known:
        return no_edge(key, known)
    if twice:
        return "given twice"
    if override is None and spec.policy(key) is None:
        return "there is no policy to remove"
    return (
        "" if override is None or isinstance(override, Mapping) else "must be a mapping, or None to remove the policy"
    )


def _merged_policies(spec: Spec, overrides: PolicyOverrides) -> list[Policy | Data]:
    """The policies with the overrides merged in. An edge without a policy gets one at the end."""
    wanted = {_edge_key(text): override for text, override in overrides.items()}
    merged: list[Policy | Data] = []
    for policy in spec.policies:
        override = wanted.pop(policy.edge, {})
        if override is not None:
            merged.append(_merge(policy, override) if override else policy)
    return merged + [{"edge": edge, **override} for edge, override in wanted.items() if override is not None]


def _merge(model: BaseModel, override: Mapping[str, Any]) -> Data:
    """Merge key by key at every depth: a mapping changes a model, any other value replaces it."""
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


def _services_with(spec: Spec, replicas: Mapping[str, int], addresses: Addresses) -> Data:
    """The services, with the replicas and the external addresses of the overrides."""
    return {
        name: _as_external(service, addresses[name])
        if name in addresses
        else {**written(service), "replicas": replicas[name]}
        if name in replicas
        else service
        for name, service in spec.services.items()
    }


def _as_external(service: BaseModel, address: object) -> Data:
    """A service as an external one: its command, image or language is dropped."""
    return {key: value for key, value in written(service).items() if key in _OF_ADDRESSES} | {"address": address}


def _unknown_services(spec: Spec, overrides: Overrides, what: str) -> Iterator[Problem]:
    """Overrides (`replicas`, `addresses`) of unknown services."""
    for name in cast(Mapping[str, object], overrides.get(what) or {}):
        if name not in spec.services:
            yield Problem((what, name), f"no service {name!r}{nearest(name, spec.services)}")
