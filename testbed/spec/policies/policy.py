"""The policies of an edge, in Istio's words and with Istio's reading: what is not written is off."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from testbed.spec.base import Count, EdgeText, Limit, LimitOrZero, Model, Percent, ShortForm, whole
from testbed.spec.durations import PositiveMillis
from testbed.spec.policies.retries import AFTER_SENDING, FAILURES, RPC_STATUSES, Retries, RetryBudget


class CircuitBreaker(Model):
    """Limits for all that one proxy sends to the callee at once; beyond them it answers 503 itself."""

    max_connections: Limit | None = None
    """Connections to all replicas together. Default: no limit."""
    max_pending_requests: LimitOrZero | None = None
    """Requests that wait for a connection. Default: no limit."""
    max_requests: Limit | None = None
    """Requests under way. Default: no limit."""
    max_retries: LimitOrZero | None = None
    """Retries under way. Default: no limit."""


class ConnectionPool(Model):
    """How one proxy keeps its connections to the callee. The limits on their number are in circuitBreaker."""

    connect_timeout: PositiveMillis = 10_000.0
    """How long a connection may take to be made; beyond that the attempt fails as if refused. Default: Istio's 10s."""
    idle_timeout: PositiveMillis | None = None
    """A connection without a request for so long is closed. Default: never."""
    max_requests_per_connection: Limit | None = None
    """A connection is closed after so many requests. 1: every request gets a new one. Default: no limit."""
    max_connection_duration: PositiveMillis | None = None
    """A connection takes no new request when it is so old. Default: no limit."""


def _simple(value: object) -> object:
    return value["simple"] if isinstance(value, dict) and set(value) == {"simple"} else value


LoadBalancer = Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"]
_ISTIOS_WAY = ShortForm(
    {
        "type": "object",
        "properties": {"simple": {"enum": list(get_args(LoadBalancer))}},
        "required": ["simple"],
        "additionalProperties": False,
        "description": "As Istio writes it.",
    }
)


class OutlierDetection(Model):
    """Ejection of replicas that keep failing; each proxy judges for itself."""

    consecutive_5xx_errors: Annotated[int, whole(least=0), Field(alias="consecutive5xxErrors")] = 5
    """So many 5xx answers in a row (time-outs and refused connections count) eject a replica. 0: never."""
    consecutive_gateway_errors: Count | None = None
    """So many 502, 503 and 504 in a row eject a replica. Default and 0: never."""
    split_external_local_origin_errors: bool = False
    """Whether time-outs, resets and refused connections are counted for themselves, and no longer as 5xx."""
    consecutive_local_origin_failures: Count | None = None
    """So many of those in a row eject a replica, where they are split off. Default: 5. 0: never."""
    interval: PositiveMillis = 10_000.0
    """How often ejected replicas are looked at again."""
    base_ejection_time: PositiveMillis = 30_000.0
    """How long a first ejection lasts; the second lasts twice as long, and so on."""
    max_ejection_percent: Percent = 10
    """The most replicas that may be ejected at once. 10 % of fewer than ten replicas is none at all."""
    always_eject_one_host: bool = False
    """Whether one replica may be ejected whatever maxEjectionPercent says (Envoy 1.31 and later, not in Istio)."""
    min_health_percent: Percent = 0
    """With fewer healthy replicas than this, requests go to all again, ejected or not."""

    @property
    def local_origin_failures(self) -> int:
        """How many failures of its own origin in a row eject a replica; 0 where they are not split off."""
        given = self.consecutive_local_origin_failures
        return (5 if given is None else given) if self.split_external_local_origin_errors else 0


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
    retry_budget: RetryBudget | None = None
    """How many retries may be under way at once; takes the place of circuitBreaker.maxRetries. Default: no limit."""
    connection_pool: ConnectionPool | None = None
    """How connections are kept. Default: as long as the callee keeps them."""
    load_balancer: Annotated[LoadBalancer, BeforeValidator(_simple), _ISTIOS_WAY] | None = None
    """How a replica is chosen; "simple: WORD" is understood as well. Default: ROUND_ROBIN (Istio: LEAST_REQUEST)."""
    respect_expected_rq_timeout: bool = False
    """Whether x-envoy-expected-rq-timeout-ms, if the app hands it on, is the timeout: a longer one as well."""

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
        return answers or self.hedged or ("reset" in on and self.per_try is not None)

    @property
    def repeats_rpcs(self) -> bool:
        """Whether a gRPC answer that says so is tried again, which is a failure further down as well."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        return bool(set(on) & set(RPC_STATUSES))

    @property
    def repeats_work(self) -> tuple[str, ...]:
        """The conditions by which a request is tried again that the callee may have answered already."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        hedges = ("hedgeOnPerTryTimeout",) if self.hedged else ()
        return (*(c for c in on if c in AFTER_SENDING or c.isdecimal()), *hedges)

    @property
    def hedged(self) -> bool:
        """Whether an attempt goes on beside the next when perTryTimeout is over."""
        return self.retries is not None and self.retries.hedge_on_per_try_timeout and self.per_try is not None

    @property
    def patience(self) -> float:
        """Milliseconds that the proxy waits for the callee at most in one attempt; infinite without a limit."""
        return (not self.hedged and self.per_try) or self.timeout or float("inf")
