"""What a service does for a request: calls to other services, and what it makes of their failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag, model_validator

from testbed.errors import nearest
from testbed.spec.base import Count, ErrorStatus, Model, ShortForm, Spelling
from testbed.spec.durations import Millis, PositiveMillis
from testbed.spec.problems import Place, wrong

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Path = Annotated[str, Spelling(r"/[!-~]*", "begin with / and have only visible ASCII characters, no spaces")]
FallbackName = Annotated[str, Spelling(r"[A-Za-z0-9._-]+", "have only letters, digits, dots, hyphens and _")]


class Retry(Model):
    """Tries by the application itself, on top of what its proxy does."""

    retries: Count
    """How many more tries after the first: 2 retries are 3 tries."""
    pause: Millis = 0.0
    """How long to wait before each further try."""
    on: Literal["failure"] = "failure"
    """What is tried again: any failure (no answer, or a status outside 200-399)."""


class Fail(Model):
    """The service's own answer is an error when the call fails."""

    status: ErrorStatus = 503
    """The status that the service answers with."""
    keep: tuple[ErrorStatus, ...] = ()
    """Statuses of the failed call that are passed on as they are."""


def _long_call(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


_NAME = ShortForm({"type": "string", "description": "The service that is called: short for {to: ...}."})


class Fallback(Model):
    """Something else takes the failed call's place, and the answer says so by this name."""

    fallback: FallbackName
    """The name by which checks find it: fallback("list-price")."""
    answer: JsonValue = None
    """A fixed answer. Default: null."""
    call: Annotated[Call | None, BeforeValidator(_long_call), _NAME] = None
    """Another call to make instead of a fixed answer; it has an onFailure of its own."""
    stale: bool = False
    """Answer what this call answered the last time it succeeded, on this replica; 503 if it never did."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        chosen = {"answer": self.answer is not None, "call": self.call is not None, "stale": self.stale}
        several = [name for name, given in chosen.items() if given]
        if len(several) > 1:
            raise wrong(f"has both {' and '.join(several)}: a fallback is one of them")
        return self


def _which_failure(value: object) -> str:
    if value == "ignore":
        return "<ignore>"
    keys = list(map(str, value)) if isinstance(value, Mapping) else []
    likely = any(get_close_matches(key, ["fallback", "answer", "call", "stale"]) for key in keys)
    return "<Fallback>" if likely or isinstance(value, Fallback) else "<Fail>"


def _long_failure(value: object) -> object:
    if isinstance(value, str) and value not in ("fail", "ignore"):
        known = nearest(value, ["fail", "ignore"])
        raise wrong(f"unknown onFailure {value!r}{known}; {{status: ..}} and {{fallback: ..}} are the long forms")
    return {} if value == "fail" else value


OnFailure = Annotated[
    Annotated[Fail, Tag("<Fail>")]
    | Annotated[Literal["ignore"], Tag("<ignore>")]
    | Annotated[Fallback, Tag("<Fallback>")],
    Discriminator(_which_failure),
    BeforeValidator(_long_failure),
    ShortForm({"const": "fail", "description": "The same as {status: 503}."}),
]


class Call(Model):
    """One call to another service. `auth` alone is short for `{to: auth}`."""

    to: str
    """The service that is called."""
    path: Path = "/"
    """The path of the request."""
    method: Method = "GET"
    """The method of the request."""
    timeout: PositiveMillis | None = None
    """How long the application itself waits, for each try; the proxy's policy is another matter. Default: for ever."""
    retry: Retry | None = None
    """Tries by the application itself. Default: one try."""
    optional: bool = False
    """Short for onFailure: ignore."""
    on_failure: OnFailure = Fail()
    """What to do when the call has failed: fail (answer 503), ignore, or take a fallback."""

    @model_validator(mode="before")
    @classmethod
    def _optional_is_ignored(cls, data: Any) -> Any:
        if not (isinstance(data, Mapping) and data.get("optional") is True):
            return data
        given = next((data[key] for key in ("onFailure", "on_failure") if key in data), "ignore")
        if given != "ignore":
            raise wrong("optional: true already says onFailure: ignore; write one of the two")
        return {**data, "onFailure": "ignore"}

    @property
    def tries(self) -> int:
        """How often the application itself tries at most."""
        return 1 + (self.retry.retries if self.retry else 0)

    def with_fallbacks(self, place: Place) -> Iterator[tuple[Place, Call]]:
        """Yield this call and every call that may take its place, each with where it is written."""
        yield place, self
        if isinstance(self.on_failure, Fallback) and self.on_failure.call:
            yield from self.on_failure.call.with_fallbacks((*place, "onFailure", "call"))


Fallback.model_rebuild()  # now that Call is known: the nearest key is looked for in it


class Parallel(Model):
    """Calls that are made at the same time; the next step begins when all have ended."""

    parallel: Annotated[
        tuple[Annotated[Call, BeforeValidator(_long_call), _NAME], ...],
        Field(min_length=1),
    ]
    """The calls."""


def _which_step(value: object) -> str:
    keys = list(map(str, value)) if isinstance(value, Mapping) else []
    likely = "to" not in keys and any(get_close_matches(key, ["parallel"]) for key in keys)
    return "<Parallel>" if likely or isinstance(value, Parallel) else "<Call>"


Step = Annotated[
    Annotated[Call, Tag("<Call>")] | Annotated[Parallel, Tag("<Parallel>")],
    Discriminator(_which_step),
    BeforeValidator(_long_call),
    _NAME,
]


def calls_of(step: Call | Parallel) -> tuple[Call, ...]:
    """The calls of one step: a single call is a parallel of one."""
    return step.parallel if isinstance(step, Parallel) else (step,)


def every_call(steps: tuple[Call | Parallel, ...], place: Place) -> Iterator[tuple[Place, Call]]:
    """Yield every call that these steps may make, fallbacks included, each with where it is written."""
    for index, step in enumerate(steps):
        if isinstance(step, Parallel):
            for number, call in enumerate(step.parallel):
                yield from call.with_fallbacks((*place, index, "parallel", number))
        else:
            yield from step.with_fallbacks((*place, index))
