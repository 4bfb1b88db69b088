"""Retries: what is retried, how often, and with what limits. Names are those of Istio where it has them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.errors import nearest
from testbed.spec.base import Count, LimitOrZero, Model, ShortForm, whole
from testbed.spec.durations import POSITIVE_SCHEMA, PositiveMillis, format_ms, to_positive_ms
from testbed.spec.problems import wrong

FAILURES = ("5xx", "gateway-error")
"""Conditions of `retryOn` that retry the error answer of a callee after its calls failed."""

RPC_STATUSES = ("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable")
"""Conditions of `retryOn` that are gRPC statuses, answered by the callee or a lower service."""

AFTER_SENDING = (*FAILURES, "reset", "retriable-4xx")
"""Conditions under which the callee may already have done its work. With a status, too."""

CONDITIONS = (
    *AFTER_SENDING,
    *("connect-failure", "refused-stream", "reset-before-request", "http3-post-connect-failure"),
    *("retriable-status-codes", "retriable-headers", "envoy-ratelimited"),
    *RPC_STATUSES,
)
"""All conditions that Envoy supports, in addition to statuses."""


def _condition(text: str) -> str:
    if text in CONDITIONS or (text.isdecimal() and 100 <= int(text) <= 599):
        return text
    raise wrong(f"unknown condition {text!r}{nearest(text, CONDITIONS)}")


def _status_is_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _comma_separated(value: object) -> object:
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


Condition = Annotated[
    str,
    BeforeValidator(_status_is_text),
    AfterValidator(_condition),
    Field(json_schema_extra={"anyOf": [{"enum": sorted(CONDITIONS)}, {"pattern": "^[1-5][0-9][0-9]$"}]}),
    ShortForm({"type": "integer", "minimum": 100, "maximum": 599, "description": "Retry on this status."}),
]


class Backoff(Model):
    """The pause before a retry: random between 0 and `base`, doubled for each further retry, at most `max`."""

    base: PositiveMillis = 25.0
    """The longest pause before the first retry."""
    max: PositiveMillis = Field(default_factory=lambda data: 10.0 * float(data["base"]))
    """The longest pause before any retry. Default: ten times the base."""

    @model_validator(mode="after")
    def _max_is_the_larger(self) -> Self:
        if self.max < self.base:
            raise wrong(f"max {format_ms(self.max)} is shorter than base {format_ms(self.base)}")
        return self

    def longest(self, retries: int) -> float:
        """The maximum total milliseconds of the pauses before this many retries."""
        return sum(min(self.base * 2.0**number, self.max) for number in range(retries))


def _base_alone(value: object) -> object:
    return value if isinstance(value, dict | Backoff) else {"base": to_positive_ms(value)}


class Retries(Model):
    """Retries by the caller's proxy."""

    attempts: Count
    """How many retries after the first attempt: 2 retries are 3 attempts. 0: none."""
    per_try_timeout: PositiveMillis | None = None
    """How long one attempt may take. Default: as long as the policy's timeout."""
    retry_on: Annotated[tuple[Condition, ...], BeforeValidator(_comma_separated), Field(min_length=1)] = (
        *("connect-failure", "refused-stream", "unavailable", "cancelled"),
    )
    """What is retried: Envoy's conditions, or statuses such as 503. Default: as in Istio, without plain 503."""
    backoff: Annotated[Backoff, BeforeValidator(_base_alone), ShortForm(POSITIVE_SCHEMA)] = Backoff()
    """The pause before a retry; a single duration sets the base. Default: base 25ms, max 250ms."""
    retry_ignore_previous_hosts: bool = True
    """Whether a retry avoids the replicas that have already failed."""
    host_selection_retry_max_attempts: Annotated[int, whole(least=1)] | None = None
    """How often a retry picks a replica before it uses one that has already failed. Default: 5."""
    hedge_on_per_try_timeout: bool = False
    """Hedging: an attempt that reaches perTryTimeout continues in parallel with the next; the first answer wins."""


class RetryBudget(Model):
    """The maximum number of retries in flight from one proxy to the callee, as a share of the requests in flight."""

    percent: Annotated[float, Field(strict=True, ge=0, le=100)] = 20.0
    """Retries in flight, in percent of the requests in flight or waiting."""
    min_retry_concurrency: LimitOrZero = 3
    """This many retries are always allowed at once, even with few requests."""
