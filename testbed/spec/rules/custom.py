"""The rules for custom services: their kind, their needs, their placeholders and their ports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from testbed.errors import nearest
from testbed.spec.calls import Call
from testbed.spec.ports import INLETS, LINKS
from testbed.spec.problems import FieldPath, Problem
from testbed.spec.programs import KINDS, kinds_of, misplaced
from testbed.spec.templates import names_of, unknown_placeholders

if TYPE_CHECKING:
    from testbed.spec.services import Service
    from testbed.spec.spec import Spec


TAKEN = {"authorization", "cookie", "set-cookie", "content-type", "proxy-authorization", "proxy-connection", "trailer"}
"""Headers that a context would break; those of one connection are no header names of a topology at all."""


def broken(spec: Spec) -> Iterator[Problem]:
    """Yield all problems of custom services."""
    for name, service in spec.services.items():
        found = [*_kind(service), *_needs(spec, name, service)]
        if service.is_own:
            found += [*_calls(service), *_templates(spec, name, service), *_fixed_port(spec, service)]
        yield from (Problem(("services", name, *problem.place), problem.message) for problem in found)
    yield from _circular_needs(spec)
    for index, header in enumerate(spec.context_headers):
        if header in ("traceparent", "tracestate"):
            text = f"{header} has a fixed format that cannot carry a request's id, user and cohort"
            yield Problem(("contextHeaders", index), text)
        if header in TAKEN:
            text = f"{header} has a meaning of its own: it cannot carry a request's id, user and cohort as well"
            yield Problem(("contextHeaders", index), text)


def _kind(service: Service) -> Iterator[Problem]:
    kinds = kinds_of(service)
    if not kinds:
        yield Problem((), f"missing one of {', '.join(KINDS)}")
    elif len(kinds) > 1:
        yield Problem((), f"has {' and '.join(kinds)}: use only one of {', '.join(KINDS)}")
    else:
        fields = type(service).model_fields
        for name, why in misplaced(service, service.kind):
            yield Problem((fields[name].alias or name,), why)


def _calls(service: Service) -> Iterator[Problem]:
    """The calls of a custom service are names only: the testbed does not control how it calls."""
    for index, step in enumerate(service.calls):
        if not isinstance(step, Call) or step != Call(to=step.to):
            text = "write only the service name: the testbed does not control how a custom service calls"
            yield Problem(("calls", index), text)


def _needs(spec: Spec, name: str, service: Service) -> Iterator[Problem]:
    for index, needed in enumerate(service.needs):
        if needed not in spec.services:
            yield Problem(("needs", index), f"no service {needed!r}{nearest(needed, spec.services)}")
        elif needed == name:
            yield Problem(("needs", index), f"{name} cannot wait for itself")


def _templates(spec: Spec, name: str, service: Service) -> Iterator[Problem]:
    names = names_of(spec.upstreams(name))
    for place, text in texts_of(service):
        for problem in unknown_placeholders(text, names):
            yield Problem(place, problem)


def texts_of(service: Service) -> Iterator[tuple[FieldPath, str]]:
    """Yield every string that may contain placeholders, with its place."""
    yield from ((("env", key), value) for key, value in service.env.items())
    yield from ((("command", index), word) for index, word in enumerate(service.command or ()))
    words = (service.ready.command if service.ready else None) or ()
    yield from ((("ready", "command", index), word) for index, word in enumerate(words))


def _fixed_port(spec: Spec, service: Service) -> Iterator[Problem]:
    """A fixed port that the testbed uses at the same address."""
    if service.port is None:
        return
    ports, callers = spec.ports, 1 + sum(one.replicas for one in spec.services.values())
    most = ports.proxy + max(len(spec.upstreams(name)) for name in spec.services)
    taken = {"the proxy": range(ports.proxy, most + 1), "the proxy's admin": range(ports.admin, ports.admin + 1)}
    taken |= {"the testbed's links": range(LINKS, LINKS + callers), "the inlet": range(INLETS, INLETS + callers)}
    for who, numbers in taken.items():
        if service.port in numbers:
            yield Problem(("port",), f"{service.port} is taken by {who} (see ports: in docs/topology.md)")


def _circular_needs(spec: Spec) -> Iterator[Problem]:
    """Services that wait for each other."""
    for name, service in spec.services.items():
        for index, needed in enumerate(service.needs):
            if needed != name and name in _waits_for(spec, needed):
                yield Problem(("services", name, "needs", index), f"{name} and {needed} wait for each other")


def _waits_for(spec: Spec, name: str) -> set[str]:
    """Return all services that a service waits for, directly or indirectly."""
    found: set[str] = set()
    while (
        more := {needed for one in found | {name} if one in spec.services for needed in spec.services[one].needs}
        - found
    ):
        found |= more
    return found
