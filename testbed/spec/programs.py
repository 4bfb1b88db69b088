"""A service of the user's own: a command, an image or an address, and what it needs to run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.spec.base import Model, ShortForm, Spelling, whole
from testbed.spec.durations import PositiveMillis
from testbed.spec.problems import wrong

KINDS = ("language", "command", "image", "address")
"""What a service may be: exactly one of them is written."""


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


_LINE = ShortForm({"type": "string", "description": "The command as one line; no shell runs it."})
Words = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1), _LINE]
"""A command: a list of words, or one line that is split as a shell would."""


def _is_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_SCALARS = ShortForm({"type": ["integer", "number", "boolean"], "description": "Taken as the text that it is."})
Variable = Annotated[str, Spelling(r"[A-Za-z_][A-Za-z0-9_]*", "be the name of an environment variable")]
Value = Annotated[str, BeforeValidator(_is_text), _SCALARS]
Port = Annotated[int, whole(least=1, most=65_535)]


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise wrong(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


def host_and_port(value: object) -> object:
    """Read ("127.0.0.1", 5432), as Python has it, like "127.0.0.1:5432"."""
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
    """How to tell that a service is ready: exactly one way of looking. Default: its port accepts connections."""

    http: Annotated[str, Spelling(r"/\S*", "begin with / and have no spaces")] | None = None
    """A path that answers 200 to 399."""
    tcp: Literal[True] | None = None
    """Its port accepts connections."""
    grpc: Literal[True] | None = None
    """It says SERVING by the gRPC health protocol."""
    log: Annotated[str, AfterValidator(_regular)] | None = None
    """A regular expression that a line of its log matches."""
    command: Words | None = None
    """A command that exits with 0, run like the service itself."""
    within: PositiveMillis = 20_000.0
    """How long it may take to get ready."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("http", "tcp", "grpc", "log", "command") if getattr(self, name)]
        if len(ways) > 1:
            raise wrong(f"has both {' and '.join(ways)}: there is one way to tell")
        return self


class Program(Model):
    """What a service is where it is none of the stubs, and how it is started."""

    command: Words | None = None
    """A command of your own that runs in the foreground. The program is looked for on PATH, then in `workdir`."""
    image: Annotated[str, Field(min_length=1)] | None = None
    """A container image; it needs the docker runtime. With `command`, the image runs that."""
    address: Address | None = None
    """Where it runs already: host:port. Nothing is started; faults act on the edges into it only."""
    build: Words | None = None
    """A command that is run to its end before anything starts."""
    workdir: str | None = None
    """The folder of `command` and `build`, relative to the topology's file. Default: that file's folder."""
    env: dict[Variable, Value] = {}
    """Environment variables, on top of those that every service of your own gets."""
    port: Port | None = None
    """The port that it takes whatever PORT says. Default: it takes the one that PORT names."""
    binds: Literal["own", "all"] = "own"
    """Where it listens: on the address in ADDR, or on all addresses (0.0.0.0, or on localhost), whatever ADDR says; it
    then gets a port that nobody else on this machine has, or, with a `port` of its own, a network of its own."""
    ready: Readiness | None = None
    """How to tell that it is ready. Default: its port accepts connections."""
    needs: tuple[str, ...] = ()
    """Services that must be ready before it starts. Default: all start at once."""


_STUBS_ONLY = (
    *("routes", "work", "answer", "concurrency", "outbound", "forward_headers"),
    *("deadline", "on_client_disconnect", "termination_grace_period"),
)
_OWN_ONLY = ("build", "workdir", "env", "port", "binds", "ready", "needs")
_CONTAINED = "an image brings its own, and is alone in its network"
_RUNS = "it runs already, wherever and however it does"
_NOT_OF = {
    "image": {"build": _CONTAINED, "workdir": _CONTAINED, "binds": _CONTAINED},
    "address": dict.fromkeys((*_OWN_ONLY, "replicas", "node"), _RUNS)
    | {"calls": "what it calls does not go through the testbed, which sees only what comes in"},
}


def kinds_of(service: Model) -> list[str]:
    """Return what was written of language, command, image and address; an image may have a command."""
    found = [kind for kind in KINDS if getattr(service, kind)]
    return ["image"] if found == ["command", "image"] else found


def misplaced(service: Model, kind: str) -> Iterator[tuple[str, str]]:
    """Yield each field that a service of this kind cannot have, and why."""
    if kind in ("node", "go", "python"):
        yield from ((name, "goes with command or image, not with a stub") for name in _OWN_ONLY if _has(service, name))
        return
    for name in _STUBS_ONLY:
        if _has(service, name):
            yield name, f"only a stub can be told what to do; what has {_article(kind)} behaves as it does"
    for name, why in _NOT_OF.get(kind, {}).items():
        if _has(service, name):
            yield name, f"does not go with {kind}: {why}"


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _has(service: Model, name: str) -> bool:
    """Whether a field says something; a recorded topology has all of them written."""
    field: Any = type(service).model_fields[name]
    return bool(getattr(service, name) != field.get_default(call_default_factory=True))
