"""The listener of a tcp edge in a caller's Envoy: each connection is logged three times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.envoy import bootstrap
from testbed.envoy.bootstrap import Json, duration, named, typed
from testbed.plan.values import Replica

if TYPE_CHECKING:
    from testbed.spec.policies.policy import Policy

FIELDS = {
    "kind": "connection",
    "event": "%ACCESS_LOG_TYPE%",  # TcpConnectionStart, TcpUpstreamConnected, TcpConnectionEnd
    "connection": "%CONNECTION_ID%",
    "host": "%UPSTREAM_HOST%",
    "start": "%START_TIME(%s.%6f)%",
    "end": "%EMIT_TIME(%s.%6f)%",
    "sent": "%BYTES_RECEIVED%",
    "received": "%BYTES_SENT%",
    "flags": "%RESPONSE_FLAGS%",
}


def tcp(cluster: str, policy: Policy | None, replica: Replica, log: str) -> Json:
    """Return the filter that forwards connections of a replica to a cluster. A missing setting is off."""
    pool = policy.connection_pool if policy else None
    config: Json = {
        "stat_prefix": bootstrap.STAT_PREFIX,
        "cluster": cluster,
        "idle_timeout": duration(pool.idle_timeout if pool else None),
        "access_log": [bootstrap.json_log(log, FIELDS | {"caller": replica.name, "service": cluster})],
        "access_log_options": {"flush_access_log_on_start": True, "flush_access_log_on_connected": True},
    }
    if pool and pool.max_connection_duration is not None:
        config["max_downstream_connection_duration"] = duration(pool.max_connection_duration)
    kind = "extensions.filters.network.tcp_proxy.v3.TcpProxy"
    return named("envoy.filters.network.tcp_proxy", typed(kind, **config))
