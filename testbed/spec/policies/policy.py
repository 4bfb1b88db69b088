"""The policies of an edge, with the names and semantics of Istio. What is not set is off."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from testbed.spec.base import Count, EdgeText, Limit, LimitOrZero, Model, Percent, ShortForm, whole
from testbed.spec.durations import PositiveMillis
from testbed.spec.policies.retries import AFTER_SENDING, FAILURES, RPC_STATUSES, Retries, RetryBudget


class CircuitBreaker(Model):
    """Limits on what one proxy sends to the callee at once. Above a limit the proxy answers 503 itself."""

    max_connections: Limit | None = None
    """Connections to all replicas together. Default: no limit."""
    max_pending_requests: LimitOrZero | None = None
    """Requests waiting for a connection. Default: no limit."""
    max_requests: Limit | None = None
    """Requests in flight. Default: no limit."""
    max_retries: LimitOrZero | None = None
    """Retries in flight. Default: no limit."""


class ConnectionPool(Model):
    """How one proxy keeps its connections to the callee. Their number is limited by circuitBreaker."""

    connect_timeout: PositiveMillis = 10_000.0
    """The timeout for opening a connection; then the attempt fails like a refused one. Default: 10s, as in Istio."""
    idle_timeout: PositiveMillis | None = None
    """Close a connection after this time without a request. Default: never."""
    max_requests_per_connection: Limit | None = None
    """Close a connection after this many requests. 1: each request gets a new one. Default: no limit."""
    max_connection_duration: PositiveMillis | None = None
    """Send no new request on a connection older than this. Default: no limit."""


def _simple(value: object) -> object:
    return value["simple"] if isinstance(value, dict) and set(value) == {"simple"} else value


LoadBalancer = Literal["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"]
_ISTIOS_WAY = ShortForm(
    {
        "type": "object",
        "properties": {"simple": {"enum": list(get_args(LoadBalancer))}},
        "required": ["simple"],
        "additionalProperties": False,
        "description": "The same, as in Istio.",
    }
)


class OutlierDetection(Model):
    """Ejection of replicas that keep failing. Each proxy decides for itself."""

    consecutive_5xx_errors: Annotated[int, whole(least=0), Field(alias="consecutive5xxErrors")] = 5
    """Eject a replica after this many 5xx in a row (timeouts and refused connections count). 0: never."""
    consecutive_gateway_errors: Count | None = None
    """Eject a replica after this many 502, 503 or 504 in a row. Default and 0: never."""
    split_external_local_origin_errors: bool = False
    """Whether timeouts, resets and refused connections are counted separately and not as 5xx."""
    consecutive_local_origin_failures: Count | None = None
    """With splitExternalLocalOriginErrors: eject after this many local failures in a row. Default: 5. 0: never."""
    interval: PositiveMillis = 10_000.0
    """How often the proxy checks whether to end an ejection."""
    base_ejection_time: PositiveMillis = 30_000.0
    """How long the first ejection lasts. The second lasts twice as long, and so on."""
    max_ejection_percent: Percent = 10
    """The maximum share of replicas ejected at once. 10 % of fewer than ten replicas is none."""
    always_eject_one_host: bool = False
    """Whether one replica may always be ejected despite maxEjectionPercent (Envoy 1.31 and later, not in Istio)."""
    min_health_percent: Percent = 0
    """With fewer healthy replicas than this, the proxy uses all replicas, ejected or not."""

    @property
    def local_origin_failures(self) -> int:
        """How many local failures in a row eject a replica; 0 where they are not counted separately."""
        given = self.consecutive_local_origin_failures
        return (5 if given is None else given) if self.split_external_local_origin_errors else 0


class Policy(Model):
    """What the caller's proxy does for the calls of one edge."""

    edge: EdgeText
    """The edge, as "caller -> callee"."""
    timeout: PositiveMillis | None = None
    """How long a call may take with all its attempts. Default: no limit."""
    retries: Retries | None = None
    """Retries after a failure. Default: none."""
    circuit_breaker: CircuitBreaker | None = None
    """Limits on what is in flight at once. Default: none."""
    outlier_detection: OutlierDetection | None = None
    """Ejection of failing replicas. Default: none."""
    retry_budget: RetryBudget | None = None
    """How many retries may be in flight at once; replaces circuitBreaker.maxRetries. Default: no limit."""
    connection_pool: ConnectionPool | None = None
    """How connections are kept. Default: until the callee closes them."""
    load_balancer: Annotated[LoadBalancer, BeforeValidator(_simple), _ISTIOS_WAY] | None = None
    """How the proxy picks a replica; "simple: WORD" works too. Default: ROUND_ROBIN (Istio: LEAST_REQUEST)."""
    respect_expected_rq_timeout: bool = False
    """Whether x-envoy-expected-rq-timeout-ms, if the app forwards it, sets the timeout, even to a longer one."""

    @property
    def attempts(self) -> int:
        """The maximum number of attempts by the proxy: retries plus one."""
        return 1 + (self.retries.attempts if self.retries else 0)

    @property
    def per_try(self) -> float | None:
        """The perTryTimeout in milliseconds, None where it has no effect (Envoy ignores one >= timeout)."""
        given = self.retries.per_try_timeout if self.retries and self.retries.attempts else None
        return given if given is not None and given < (self.timeout or float("inf")) else None

    @property
    def repeats_failures(self) -> bool:
        """Whether a failure of a lower layer is retried: by its answer, or by `reset` (also per-try timeouts)."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        answers = any(c in FAILURES or (c.isdecimal() and c >= "500") for c in on)
        return answers or self.hedged or ("reset" in on and self.per_try is not None)

    @property
    def repeats_rpcs(self) -> bool:
        """Whether a gRPC error answer is retried. It may come from a lower layer too."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        return bool(set(on) & set(RPC_STATUSES))

    @property
    def repeats_work(self) -> tuple[str, ...]:
        """The conditions that retry a request which the callee may already have answered."""
        on = self.retries.retry_on if self.retries and self.retries.attempts else ()
        hedges = ("hedgeOnPerTryTimeout",) if self.hedged else ()
        return (*(c for c in on if c in AFTER_SENDING or c.isdecimal()), *hedges)

    @property
    def hedged(self) -> bool:
        """Whether an attempt continues in parallel with the next after perTryTimeout."""
        return self.retries is not None and self.retries.hedge_on_per_try_timeout and self.per_try is not None

    @property
    def patience(self) -> float:
        """The maximum milliseconds that the proxy waits in one attempt; infinite without a limit."""
        return (not self.hedged and self.per_try) or self.timeout or float("inf")
