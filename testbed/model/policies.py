"""The policies of an edge, in Istio's words and with Istio's reading: what is not written is off."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.errors import nearest
from testbed.model.base import Count, Model, Percent, ShortForm, whole
from testbed.model.durations import POSITIVE_SCHEMA, PositiveMillis, format_ms, to_positive_ms
from testbed.model.edges import EdgeText
from testbed.model.problems import wrong

FAILURES = ("5xx", "gateway-error")
"""Conditions of `retryOn` under which the error answer of a callee, whose own calls failed, is tried again."""

AFTER_SENDING = (*FAILURES, "reset", "retriable-4xx")
"""Conditions under which the callee may have done its work already; so may it with a status."""

CONDITIONS = (
    *AFTER_SENDING,
    *("connect-failure", "refused-stream", "reset-before-request", "http3-post-connect-failure"),
    *("retriable-status-codes", "retriable-headers", "envoy-ratelimited"),
    *("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"),  # gRPC
)
"""Everything that Envoy knows besides statuses."""

UINT32_MAX = 4_294_967_295  # the largest limit that Envoy takes: Istio's "no limit"
_Limit = Annotated[int, whole(least=1, most=UINT32_MAX)]
_LimitOrZero = Annotated[int, whole(least=0, most=UINT32_MAX)]


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
    """The pause before a retry: drawn between 0 and `base`, doubled for each further retry, never above `max`."""

    base: PositiveMillis = 25.0
    """The longest pause before the first retry."""
    max: PositiveMillis = Field(default_factory=lambda data: 10.0 * float(data["base"]))
    """The longest pause at all. Default: ten times the base."""

    @model_validator(mode="after")
    def _max_is_the_larger(self) -> Self:
        if self.max < self.base:
            raise wrong(f"max {format_ms(self.max)} is shorter than base {format_ms(self.base)}")
        return self

    def longest(self, retries: int) -> float:
        """Milliseconds that the pauses before so many retries can take together."""
        return sum(min(self.base * 2.0**number, self.max) for number in range(retries))


def _base_alone(value: object) -> object:
    return value if isinstance(value, dict | Backoff) else {"base": to_positive_ms(value)}


class Retries(Model):
    """Further attempts by the caller's proxy."""

    attempts: Count
    """How many retries after the first attempt: 2 retries are 3 attempts. 0: none."""
    per_try_timeout: PositiveMillis | None = None
    """How long one attempt may take. Default: as long as the policy's timeout."""
    retry_on: Annotated[tuple[Condition, ...], BeforeValidator(_comma_separated), Field(min_length=1)] = (
        *("connect-failure", "refused-stream", "unavailable", "cancelled"),
    )
    """What is retried: Envoy's conditions, or statuses such as 503. Default: Istio's, which retries no plain 503."""
    backoff: Annotated[Backoff, BeforeValidator(_base_alone), ShortForm(POSITIVE_SCHEMA)] = Backoff()
    """The pause before a retry; a duration alone is the base. Default: base 25ms, max 250ms."""
    retry_ignore_previous_hosts: bool = True
    """Whether a retry avoids the replicas that have failed already."""


class CircuitBreaker(Model):
    """Limits for all that one proxy sends to the callee at once; beyond them it answers 503 itself."""

    max_connections: _Limit | None = None
    """Connections to all replicas together. Default: no limit."""
    max_pending_requests: _LimitOrZero | None = None
    """Requests that wait for a connection. Default: no limit."""
    max_requests: _Limit | None = None
    """Requests under way. Default: no limit."""
    max_retries: _LimitOrZero | None = None
    """Retries under way. Default: no limit."""


class OutlierDetection(Model):
    """Ejection of replicas that keep failing; each proxy judges for itself."""

    consecutive_5xx_errors: Annotated[int, whole(least=0), Field(alias="consecutive5xxErrors")] = 5
    """So many 5xx answers in a row (time-outs and refused connections count) eject a replica. 0: never."""
    consecutive_gateway_errors: Count | None = None
    """So many 502, 503 and 504 in a row eject a replica. Default and 0: never."""
    interval: PositiveMillis = 10_000.0
    """How often ejected replicas are looked at again."""
    base_ejection_time: PositiveMillis = 30_000.0
    """How long a first ejection lasts; the second lasts twice as long, and so on."""
    max_ejection_percent: Percent = 10
    """The most replicas that may be ejected at once. 10 % of fewer than ten replicas is none at all."""
    min_health_percent: Percent = 0
    """With fewer healthy replicas than this, requests go to all again, ejected or not."""


class Policy(Model):
    """What the caller's proxy does for the calls of one edge."""

    edge: EdgeText
    """The edge, as "caller -> callee"."""
    timeout: PositiveMillis | None = None
    """How long a call may take with all its attempts. Default: for ever."""
    retries: Retries | None = None
    """Further attempts after a failure. Default: none."""
    circuit_breaker: CircuitBreaker | None = None
    """Limits for what is under way at once. Default: none."""
    outlier_detection: OutlierDetection | None = None
    """Ejection of failing replicas. Default: none."""

    @property
    def attempts(self) -> int:
        """How often the proxy tries at most: one more than the retries."""
        return 1 + (self.retries.attempts if self.retries else 0)

    @property
    def per_try(self) -> float | None:
        """Milliseconds for one attempt where perTryTimeout has an effect; Envoy ignores one that reaches timeout."""
        given = self.retries.per_try_timeout if self.retries and self.retries.attempts else None
        return given if given is not None and given < (self.timeout or float("inf")) else None

    @property
    def repeats_failures(self) -> bool:
        """Whether a failure further down is tried again: by its answer, or by `reset` (also per-try time-outs)."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        answers = any(c in FAILURES or (c.isdecimal() and c >= "500") for c in on)
        return answers or ("reset" in on and self.per_try is not None)

    @property
    def repeats_work(self) -> tuple[str, ...]:
        """The conditions by which a request is tried again that the callee may have answered already."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        return tuple(c for c in on if c in AFTER_SENDING or c.isdecimal())

    @property
    def patience(self) -> float:
        """Milliseconds that the proxy waits for the callee at most in one attempt; infinite without a limit."""
        return self.per_try or self.timeout or float("inf")
