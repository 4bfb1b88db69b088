"""The calls of a service to other services, and what it does when they fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag, model_validator

from testbed.errors import nearest
from testbed.spec.base import Count, ErrorStatus, Model, ShortForm, Spelling
from testbed.spec.durations import Millis, PositiveMillis
from testbed.spec.problems import FieldPath, wrong

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Path = Annotated[str, Spelling(r"/[!-~]*", "begin with / and have only visible ASCII characters, no spaces")]
FallbackName = Annotated[str, Spelling(r"[A-Za-z0-9._-]+", "have only letters, digits, dots, hyphens and _")]


class Retry(Model):
    """Retries by the application, in addition to those of its proxy."""

    retries: Count
    """How many retries after the first try: 2 retries are 3 tries."""
    pause: Millis = 0.0
    """The pause before each retry."""
    on: Literal["failure"] = "failure"
    """What is retried: any failure (no answer, or a status outside 200-399)."""


class Fail(Model):
    """When the call fails, the service answers with an error."""

    status: ErrorStatus = 503
    """The status that the service answers with."""
    keep: tuple[ErrorStatus, ...] = ()
    """Statuses of the failed call that the service returns unchanged."""


def _long_call(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


_NAME = ShortForm({"type": "string", "description": "The service that is called: short for {to: ...}."})


class Fallback(Model):
    """A replacement for a failed call. The answer contains the name of the fallback."""

    fallback: FallbackName
    """The name for checks: fallback("list-price")."""
    answer: JsonValue = None
    """A fixed answer. Default: null."""
    call: Annotated[Call | None, BeforeValidator(_long_call), _NAME] = None
    """Another call instead of a fixed answer. It may have onFailure too."""
    stale: bool = False
    """Answer with the last successful answer of this call on this replica; 503 if there is none."""

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        chosen = {"answer": self.answer is not None, "call": self.call is not None, "stale": self.stale}
        several = [name for name, given in chosen.items() if given]
        if len(several) > 1:
            raise wrong(f"has {' and '.join(several)}: use only one of {', '.join(chosen)}")
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
        raise wrong(f"unknown onFailure {value!r}{known}; or use {{status: ..}} or {{fallback: ..}}")
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
    """How long the application waits for each try. The proxy's timeout is separate. Default: no limit."""
    retry: Retry | None = None
    """Retries by the application. Default: none."""
    optional: bool = False
    """Short for onFailure: ignore."""
    on_failure: OnFailure = Fail()
    """What to do when the call fails: fail (answer 503), ignore, or use a fallback."""

    @model_validator(mode="before")
    @classmethod
    def _optional_is_ignored(cls, data: Any) -> Any:
        if not (isinstance(data, Mapping) and data.get("optional") is True):
            return data
        given = next((data[key] for key in ("onFailure", "on_failure") if key in data), "ignore")
        if given != "ignore":
            raise wrong("optional: true means onFailure: ignore; write only one of the two")
        return {**data, "onFailure": "ignore"}

    @property
    def tries(self) -> int:
        """The maximum number of tries by the application."""
        return 1 + (self.retry.retries if self.retry else 0)

    def with_fallbacks(self, place: FieldPath) -> Iterator[tuple[FieldPath, Call]]:
        """Yield this call and its fallback calls, each with its place in the topology."""
        yield place, self
        if isinstance(self.on_failure, Fallback) and self.on_failure.call:
            yield from self.on_failure.call.with_fallbacks((*place, "onFailure", "call"))


Fallback.model_rebuild()  # Call is defined now: `nearest` looks up its keys


class Parallel(Model):
    """Calls made at the same time. The next step begins when all have ended."""

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
    """The calls of one step, one or several."""
    return step.parallel if isinstance(step, Parallel) else (step,)


def every_call(steps: tuple[Call | Parallel, ...], place: FieldPath) -> Iterator[tuple[FieldPath, Call]]:
    """Yield every call of these steps, fallbacks included, each with its place in the topology."""
    for index, step in enumerate(steps):
        if isinstance(step, Parallel):
            for number, call in enumerate(step.parallel):
                yield from call.with_fallbacks((*place, index, "parallel", number))
        else:
            yield from step.with_fallbacks((*place, index))
