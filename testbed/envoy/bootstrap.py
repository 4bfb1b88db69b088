"""Pieces of an Envoy bootstrap that the inlet and the sidecar share: plain dicts, written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from testbed.plan.values import FLUSH_MS, UNDER_WAY_MS

Json = dict[str, object]

UNLIMITED = 4294967295  # a limit at its maximum: off
FOREVER = "86400s"  # a timeout longer than any test, where Envoy does not accept 0
OFF = "0s"
ORIGIN = "x-testbed-origin"  # see `trusting`
CALL = "x-testbed-call"  # a name for each call on a multiplexed connection; removed at the inlet
STAT_PREFIX = "testbed"  # for all listeners of one Envoy, so that their counters add up
TCP_PREFIX = f"{STAT_PREFIX}_tcp"  # the same for all listeners of tcp edges

MOST_HEADERS_KB = 8192  # Envoy's maximum; its default is 60
MOST_HEADERS = 10_000  # of one message; Envoy's default is 100
UPGRADES = ("websocket", "spdy/3.1", "tcp")  # Envoy refuses all others with 403, and drops `Upgrade: h2c`
READ_ONLY = ("/ready", "/stats?", "/clusters", "/config_dump")  # all that the admin address answers
HTTP1: Json = {"enable_trailers": True}
HTTP2: Json = {"max_concurrent_streams": 2**31 - 1}  # the maximum; Envoy's default is 1024


def typed(kind: str, **fields: object) -> Json:
    """Return a message of a kind such as `extensions.filters.http.router.v3.Router`."""
    return {"@type": f"type.googleapis.com/envoy.{kind}", **fields}


def named(name: str, config: Json) -> Json:
    """Return an extension: a name and its typed configuration."""
    return {"name": name, "typed_config": config}


_RAW = named("envoy.transport_sockets.raw_buffer", typed("extensions.transport_sockets.raw_buffer.v3.RawBuffer"))
_PASSING_ON = typed(
    "extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport", transport_socket=_RAW
)
INSIDE: Json = {"transport_socket": named("envoy.transport_sockets.internal_upstream", _PASSING_ON)}
_INTERNAL_LISTENERS = named(
    "envoy.bootstrap.internal_listener", typed("extensions.bootstrap.internal_listener.v3.InternalListener")
)


def socket_address(address: str) -> Json:
    """Return the address message of "ip:port"."""
    ip, _, port = address.rpartition(":")
    return {"socket_address": {"address": ip, "port_value": int(port)}}


def duration(milliseconds: float | None) -> str:
    """Return a protobuf duration; None is off."""
    return OFF if milliseconds is None else f"{milliseconds / 1000:.9f}".rstrip("0").rstrip(".") + "s"


def request_context(more: Sequence[str]) -> str:
    """Return the log format of the context of a request: the baggage and other headers, with commas."""
    return ",".join(f"%REQ({name.upper()})%" for name in ("baggage", *more))


def key_fields(headers: Sequence[str]) -> Json:
    """Return the log fields of these headers of a request (null where it has none), and of fields of its body."""
    return {
        "keys": {name: f"%REQ({name.upper()})%" for name in headers},
        "fields": "%DYNAMIC_METADATA(testbed_fields)%",
    }


def answer_fields(headers: Sequence[str]) -> Json:
    """Return the log fields of the content of an answer: size, type, and these headers (null where it has none)."""
    chosen = {name: f"%RESP({name.upper()})%" for name in headers}
    return {"size": "%BYTES_SENT%", "content_type": "%RESP(CONTENT-TYPE)%", "headers": chosen}


def note_ids(more: Sequence[str]) -> Json:
    """Return a filter that notes the request id in all lines of these headers, for logs: `%REQ%` gives the first line.

    The filter refuses values of 8 KB and more, so it notes the id alone, and a header without an id as it is.
    """
    member = {"regex": r"^(?:.*?,)?\s*tb\.id\s*=\s*([^,;\s]+).*"}
    rules = [
        {
            "header": name,
            "on_header_present": {
                "metadata_namespace": STAT_PREFIX,
                "key": name,
                "type": "STRING",
                "regex_value_rewrite": {"pattern": member, "substitution": r"tb.id=\1"},
            },
        }
        for name in ("baggage", *more)
    ]
    kind = "extensions.filters.http.header_to_metadata.v3.Config"
    return named("envoy.filters.http.header_to_metadata", typed(kind, request_rules=rules))


def noted_ids(more: Sequence[str]) -> str:
    """Return the log format of what `note_ids` has noted, with commas."""
    return ",".join(f"%DYNAMIC_METADATA({STAT_PREFIX}:{name})%" for name in ("baggage", *more))


def json_log(path: str, fields: Mapping[str, object]) -> Json:
    """Return an access log that writes one JSON line with these operators to a file."""
    format_ = {"json_format": dict(fields)}
    kind = "extensions.access_loggers.file.v3.FileAccessLog"
    return named("envoy.access_loggers.file", typed(kind, path=path, log_format=format_))


def connection_manager(**fields: object) -> Json:
    """Return an HTTP connection manager without timeouts that accepts all that an app may send.

    `fields` are added and take precedence.
    """
    quiet: Json = {
        "stat_prefix": STAT_PREFIX,
        "stream_idle_timeout": OFF,
        "request_timeout": OFF,
        "max_request_headers_kb": MOST_HEADERS_KB,
        "proxy_100_continue": True,
        "common_http_protocol_options": {"idle_timeout": OFF, "max_headers_count": MOST_HEADERS},
        "http_protocol_options": HTTP1 | {"accept_http_10": True},
        "http2_protocol_options": HTTP2,
        "access_log_options": {"access_log_flush_interval": duration(UNDER_WAY_MS)},
        "upgrade_configs": [{"upgrade_type": name} for name in UPGRADES],
    }
    kind = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return named("envoy.filters.network.http_connection_manager", typed(kind, **(quiet | fields)))


def trusting(*early: Json) -> Json:
    """Return the fields of a connection manager that treats every caller as internal.

    Only then does Envoy keep `x-envoy-*` headers. By default it uses the address in x-forwarded-for, and would remove
    these headers if an app propagates it. So Envoy gets another address, in a header (`ORIGIN`) that routes must
    remove. `early` are header mutations that come first.
    """
    origin = {"header": {"key": ORIGIN, "value": "127.0.0.1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    mutation = "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    detection = "extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig"
    return {
        "early_header_mutation_extensions": [
            named(
                "envoy.http.early_header_mutation.header_mutation",
                typed(mutation, mutations=[*early, {"append": origin}]),
            )
        ],
        "original_ip_detection_extensions": [
            named(
                "envoy.http.original_ip_detection.custom_header",
                typed(detection, header_name=ORIGIN, allow_extension_to_set_address_as_trusted=True),
            )
        ],
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]},
        "skip_xff_append": True,
        "preserve_external_request_id": True,
    }


def upstream_options(common: Json | None = None, **fields: object) -> Json:
    """Return a cluster's HTTP options: connections stay open as long as the other side keeps them open.

    `common` are options of both HTTP versions.
    """
    quiet: Json = {
        "idle_timeout": OFF,
        "max_headers_count": MOST_HEADERS,
        "max_response_headers_kb": MOST_HEADERS_KB,
    }
    kind = "extensions.upstreams.http.v3.HttpProtocolOptions"
    options = typed(kind, common_http_protocol_options=quiet | (common or {}), **fields)
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}


def endpoints(cluster: str, addresses: Sequence[str]) -> Json:
    """Return the load assignment of a static cluster."""
    hosts = [{"endpoint": {"address": socket_address(address)}} for address in addresses]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": hosts}]}


def inside(listener: str) -> Json:
    """Return the load assignment of a cluster that leads to an internal listener of this Envoy."""
    host = {"endpoint": {"address": {"envoy_internal_address": {"server_listener_name": listener}}}}
    return {"cluster_name": listener, "endpoints": [{"lb_endpoints": [host]}]}


def thresholds(**limits: int | None) -> Json:
    """Return the limits of a cluster; one that is None or missing is off (at its maximum), never Envoy's default."""
    names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    full = {name: UNLIMITED if limits.get(name) is None else limits[name] for name in names}
    return {"priority": "DEFAULT", **full}


def bootstrap(admin: str, listeners: Sequence[Json], clusters: Sequence[Json]) -> str:
    """Return the whole configuration as JSON text."""
    static = {"listeners": list(listeners), "clusters": list(clusters)}
    inside = any("internal_listener" in listener for listener in listeners)
    more = {"bootstrap_extensions": [_INTERNAL_LISTENERS]} if inside else {}
    allowed = [{"prefix": path} for path in READ_ONLY]
    guarded = {"address": socket_address(admin), "allow_paths": allowed}
    return json.dumps({"admin": guarded, "static_resources": static} | more)


def command(config: str) -> tuple[str, ...]:
    """Return the command line: one worker (deterministic balancing, one Lua state), no hot restart, prompt logs.

    `config` is the path of the configuration in the folder of the run.
    """
    flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    return ("envoy", "-c", f"{{dir}}/{config}", *flags, "--file-flush-interval-msec", str(FLUSH_MS))
