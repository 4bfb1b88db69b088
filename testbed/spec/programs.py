"""Custom services: a command, an image or an address, and what it needs to run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.spec.base import CONTROL, Model, ShortForm, Spelling, whole
from testbed.spec.durations import PositiveMillis
from testbed.spec.problems import wrong

KINDS = ("language", "command", "image", "address")
"""The kinds of a service: exactly one is set."""


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


_LINE = ShortForm({"type": "string", "description": "The command as one line; no shell runs it."})
Words = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1), _LINE]
"""A command: a list of words, or one line that is split like in a shell."""


def _is_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_SCALARS = ShortForm({"type": ["integer", "number", "boolean"], "description": "Used as a string."})
Variable = Annotated[str, Spelling(r"[A-Za-z_][A-Za-z0-9_]*", "be the name of an environment variable")]
Value = Annotated[str, BeforeValidator(_is_text), _SCALARS]
Port = Annotated[int, whole(least=1, most=65_535)]


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise wrong(f"{pattern!r} is not a valid regular expression: {error}") from None
    return pattern


def host_and_port(value: object) -> object:
    """Turn a Python address ("127.0.0.1", 5432) into "127.0.0.1:5432"."""
    return f"{value[0]}:{value[1]}" if isinstance(value, tuple | list) and len(value) == 2 else value


def _reachable(address: str) -> str:
    _, _, port = address.rpartition(":")
    if not 0 < int(port) < 65_536:
        raise wrong(f"{port} is not a port")
    return address


Address = Annotated[
    str,
    BeforeValidator(host_and_port),
    Spelling(r"[A-Za-z0-9._-]+:[0-9]+", "be host:port, such as localhost:5432"),
    AfterValidator(_reachable),
]


class Readiness(Model):
    """When a service counts as ready: at most one condition. Default: its port accepts connections."""

    http: Annotated[str, Spelling(rf"/[^\s{CONTROL}]*", "begin with / and have no spaces or controls")] | None = None
    """A GET of this path answers 200 to 399."""
    tcp: Literal[True] | None = None
    """Its port accepts connections."""
    grpc: Literal[True] | None = None
    """It answers SERVING by the gRPC health protocol."""
    log: Annotated[str, AfterValidator(_regular)] | None = None
    """A line of its log matches this regular expression."""
    command: Words | None = None
    """This command exits with 0. It runs in the environment of the service."""
    within: PositiveMillis = 20_000.0
    """How long it may take to become ready."""

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        chosen = [name for name in ("http", "tcp", "grpc", "log", "command") if getattr(self, name)]
        if len(chosen) > 1:
            raise wrong(f"has {' and '.join(chosen)}: use only one of http, tcp, grpc, log, command")
        return self


class Program(Model):
    """The keys of a custom service, and how it is started."""

    command: Words | None = None
    """A command that runs in the foreground. The program is searched on PATH, then in `workdir`."""
    image: Annotated[str, Field(min_length=1)] | None = None
    """A container image; needs the docker runtime. With `command`, the container runs that command."""
    address: Address | None = None
    """The host:port of an external service. Nothing is started; faults act only on the edges into it."""
    build: Words | None = None
    """A command that runs to its end before anything starts."""
    workdir: str | None = None
    """The folder of `command` and `build`, relative to the topology file. Default: the folder of that file."""
    env: dict[Variable, Value] = {}
    """Environment variables, in addition to those that every custom service gets."""
    port: Port | None = None
    """A fixed port, if the service ignores PORT. Default: the service listens on the port in PORT."""
    binds: Literal["own", "all"] = "own"
    """Where it listens: own is the address in ADDR; all is 0.0.0.0 or localhost, if the service ignores ADDR. With all,
    it gets a port that is free on this machine, or, with a fixed `port`, a network namespace."""
    ready: Readiness | None = None
    """When it counts as ready. Default: its port accepts connections."""
    needs: tuple[str, ...] = ()
    """Services that must be ready before it starts. Default: none."""


_STUBS_ONLY = (
    *("routes", "work", "answer", "concurrency", "outbound", "forward_headers"),
    *("deadline", "on_client_disconnect", "termination_grace_period"),
)
_CUSTOM_ONLY = ("build", "workdir", "env", "port", "binds", "ready", "needs")
_CONTAINED = "a container has its own files and its own network"
_RUNS = "the testbed does not start an external service"
_NOT_OF = {
    "image": {"build": _CONTAINED, "workdir": _CONTAINED, "binds": _CONTAINED},
    "address": dict.fromkeys((*_CUSTOM_ONLY, "replicas", "node"), _RUNS)
    | {"calls": "the calls of an external service do not pass through the testbed"},
}


def kinds_of(service: Model) -> list[str]:
    """Return which of language, command, image and address are set; an image may have a command."""
    found = [kind for kind in KINDS if getattr(service, kind)]
    return ["image"] if found == ["command", "image"] else found


def misplaced(service: Model, kind: str) -> Iterator[tuple[str, str]]:
    """Yield each field that is not allowed for a service of this kind, with the reason."""
    if kind in ("node", "go", "python"):
        yield from ((name, "is for command or image, not for a stub") for name in _CUSTOM_ONLY if _has(service, name))
        return
    for name in _STUBS_ONLY:
        if _has(service, name):
            yield name, f"is for stubs only (language: go, node, python), not for {_article(kind)}"
    for name, why in _NOT_OF.get(kind, {}).items():
        if _has(service, name):
            yield name, f"is not allowed with {kind}: {why}"


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _has(service: Model, name: str) -> bool:
    """Whether a field differs from its default; a recorded topology has all fields set."""
    field: Any = type(service).model_fields[name]
    return bool(getattr(service, name) != field.get_default(call_default_factory=True))
