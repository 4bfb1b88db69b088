"""The inlet: one Envoy in front of every app, for request faults and arrivals; transparent in all other respects.

How it is made transparent (tests/e2e/injection/test_inlet_transparent.py proves it, with and without the inlet):

- every limit is at its maximum, every timeout is off (a connection without an answer: a day);
- a caller's connection and its connection to the app end together (`connection_filter`): idle, after a last answer
  (`connection: close`, HTTP/1.0), or before an answer, where Envoy alone would answer 503. For that, calls to an app
  that speaks HTTP/1 pass through an internal listener: a caller -> HTTP -> internal listener -> app;
- headers pass in both directions with their case, `server` and `date`; Envoy adds no `x-envoy-*`. Request headers that
  would control this Envoy (`CONTROL_HEADERS`) are dropped, and a `date` is added to an answer without one.

Remaining differences: an answer that is not HTTP becomes a 502 of the inlet; an answer without a length arrives in
chunks; names of trailers arrive in small letters; HTTP/1.0 becomes HTTP/1.1; an HTTP/2 app's connection and its GOAWAY
end at the inlet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from testbed.envoy import bootstrap, connection_filter
from testbed.envoy.bootstrap import Json, named, typed
from testbed.plan.values import File, Link, Process, Ready

LOG = "inlet/arrivals.log"
CONFIG = "inlet/envoy.json"
TOKEN = "inlet/token"  # written by who may set rules, read by the inlet (control.py)

_STEERING = (
    *("upstream-rq-timeout-ms", "upstream-rq-per-try-timeout-ms", "upstream-rq-timeout-alt-response"),
    *("upstream-stream-duration-ms", "upstream-alt-stat-name", "hedge-on-per-try-timeout", "is-timeout-retry"),
    *("retry-on", "retry-grpc-on", "max-retries", "retriable-status-codes", "retriable-header-names", "force-trace"),
    *("fault-abort-request", "fault-abort-request-percentage", "fault-abort-grpc-request"),
    *("fault-delay-request", "fault-delay-request-percentage"),
    *("fault-throughput-response", "fault-throughput-response-percentage"),
)
CONTROL_HEADERS = tuple(f"x-envoy-{name}" for name in _STEERING)

IGNORED: Json = {"prefix": "TLS/", "ignore_case": True}  # an upgrade that clients offer, and apps ignore

_PROTO, _INTERNAL = "x-forwarded-proto", "x-envoy-internal"  # Envoy adds these two if the caller sent none
_KEPT = {_PROTO: "x-testbed-proto", _INTERNAL: "x-testbed-internal"}  # present if the caller sent one
_DIRECT = "/app"  # after the name of a callee: the cluster of its app, behind the internal listener
_APP = "x-testbed-app"  # names the cluster; never leaves the inlet
_FAULT_WORDS = ("abort-request", "abort-grpc-request", "delay-request", "throughput-response")
_FAULTS = tuple(f"x-envoy-fault-{what}" for what in _FAULT_WORDS)
_BROKEN = ["UC", "UF", "UR", "LR"]  # the callee broke the connection or was down: close the caller's connection

NOTHING: Json = {}
FIELDS = {
    "type": "%ACCESS_LOG_TYPE%",  # lines of requests under way come at intervals
    "local": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "baggage": "%REQ(BAGGAGE)%",
    "id": "%DYNAMIC_METADATA(testbed:id)%",  # of all lines of its headers; REQ gives the first line of each
    "attempt": "%DYNAMIC_METADATA(testbed:attempt)%",
    "fault": "%DYNAMIC_METADATA(testbed:fault)%",
    "start": "%START_TIME(%s.%6f)%",
    "end": "%EMIT_TIME(%s.%6f)%",
    "status": "%RESPONSE_CODE%",
    "grpc": "%GRPC_STATUS_NUMBER%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "http2": f"%FILTER_STATE({connection_filter.HTTP2}:PLAIN)%",
    "refused": f"%FILTER_STATE({connection_filter.REFUSED}:PLAIN)%",
    "reset": f"%FILTER_STATE({connection_filter.CUT}:PLAIN)%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
}


def inlet_process(
    links: Sequence[Link],
    *,
    admin: str,
    control: str,
    context: Sequence[str] = (),
    content: Json = NOTHING,
    fields: Sequence[str] = (),
) -> tuple[Process, list[File]]:
    """Return the inlet of these links; links without an inlet address are left out.

    `admin` and `control` are "ip:port"; `context` are headers that are read like baggage, `content` more fields of the
    log, for requests and answers, `fields` fields of JSON bodies that are logged. The log is `LOG` below the run's
    folder.
    """
    mine = [link for link in links if link.inlet]
    listens = (admin, control, *(link.inlet for link in mine if link.inlet))
    manager = _connection_manager(_lua(mine, control, context, fields), context, content)
    text = bootstrap.bootstrap(admin, [_listener(mine, control, manager), *_apps(mine)], _clusters(mine))
    ready, reached = Ready(f"http://{admin}/ready"), (admin, control)
    process = Process("inlet", "inlet", bootstrap.command(CONFIG), ready, listens, reached=reached)
    return process, [File(CONFIG, text)]


def script(links: Iterable[Link], control: str, context: Sequence[str] = (), fields: Sequence[str] = ()) -> str:
    """Return the Lua of the inlet: a fixed text after a table of the links."""
    rows = (f'  ["{link.inlet}"] = {{ app = "{link.callee}", edge = "{link.edge}" }},\n' for link in links)
    carriers = ", ".join(f'"{name}"' for name in ("baggage", *context))
    named = ", ".join(f'"{name}"' for name in fields)
    head = (
        f'CONTROL = "{control}"\nTOKEN = "{{dir}}/{TOKEN}"\nFIELDS = {{ {named} }}\nCARRIERS = {{ {carriers} }}\n'
        f"LINKS = {{\n{''.join(rows)}}}\n"
    )
    return head + files("testbed.injection.inlet").joinpath("inlet.lua").read_text()


def _listener(links: Sequence[Link], control: str, manager: Json) -> Json:
    inlets = [link.inlet for link in links if link.inlet]
    return {
        "name": "inlet",
        "address": bootstrap.socket_address(control),
        "additional_addresses": [{"address": bootstrap.socket_address(inlet)} for inlet in inlets],
        "enable_reuse_port": False,  # with it, an address in use would not be detected
        "filter_chains": [{"filters": [*_ends(), manager]}],
    }


def _ends() -> list[Json]:
    return [connection_filter.naming_callers(), connection_filter.on_connections()]


def _connection_manager(lua: Json, context: Sequence[str], content: Json) -> Json:
    fields = FIELDS | content | {"baggage": bootstrap.request_context(context)}
    return bootstrap.connection_manager(
        delayed_close_timeout=bootstrap.OFF,
        server_header_transformation="PASS_THROUGH",
        generate_request_id=False,
        http_protocol_options=_http1() | {"accept_http_10": True, "ignore_http_11_upgrade": [IGNORED]},
        **bootstrap.trusting(*_early_headers()),
        http_filters=[lua, _fault(), connection_filter.on_requests(), _router()],
        route_config={"virtual_hosts": [{"name": "apps", "domains": ["*"], "routes": _routes()}]},
        local_reply_config={"mappers": [_mark_broken()]},
        access_log=[bootstrap.json_log(f"{{dir}}/{LOG}", fields)],
    )


def _http1() -> Json:
    kind = "extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
    keep = named("preserve_case", typed(kind, forward_reason_phrase=True))
    return bootstrap.HTTP1 | {"header_key_format": {"stateful_formatter": keep}, "allow_custom_methods": True}


def _early_headers() -> list[Json]:
    steps: list[Json] = [{"remove": name} for name in (*CONTROL_HEADERS, *_KEPT.values(), _APP)]
    for name, kept in _KEPT.items():
        header = {"key": kept, "value": f"%REQ({name})%"}
        steps.append({"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}})
    return steps


def _lua(links: Sequence[Link], control: str, context: Sequence[str], fields: Sequence[str]) -> Json:
    code = {"inline_string": script(links, control, context, fields)}
    return named("envoy.filters.http.lua", typed("extensions.filters.http.lua.v3.Lua", default_source_code=code))


def _fault() -> Json:
    always = {"percentage": {"numerator": 100}}
    kind = "extensions.filters.http.fault.v3.HTTPFault"
    asked = {"delay": "header_delay", "abort": "header_abort", "response_rate_limit": "header_limit"}
    config = typed(kind, **{what: {by_header: {}, **always} for what, by_header in asked.items()})
    return named("envoy.filters.http.fault", config)


def _router() -> Json:
    kind = "extensions.filters.http.router.v3.Router"
    return named("envoy.filters.http.router", typed(kind, suppress_envoy_headers=True))


def _mark_broken() -> Json:
    header = {"header": {"key": connection_filter.RESET, "value": "1"}}
    return {"filter": {"response_flag_filter": {"flags": _BROKEN}}, "headers_to_add": [header]}


def _routes() -> list[Json]:
    """The route, twice: Envoy needs x-forwarded-proto to route; if Envoy added it, the route removes it again."""
    sent = [{"name": _KEPT[_PROTO], "present_match": True}]
    return [_route({"prefix": "/", "headers": sent}), _route({"prefix": "/"}, _PROTO)]


def _route(match: Json, *removed: str) -> Json:
    return {
        "match": match,
        "route": {"cluster_header": _APP, "timeout": bootstrap.OFF, "idle_timeout": bootstrap.OFF},
        "request_headers_to_remove": [_APP, bootstrap.ORIGIN, bootstrap.CALL, *_KEPT.values(), *_FAULTS, *removed],
    }


def _apps(links: Iterable[Link]) -> list[Json]:
    """The internal listeners of apps that speak HTTP/1; they see the end of an idle connection."""
    return [_app(name) for name, link in _callees(links).items() if link.protocol == "http"]


def _app(name: str) -> Json:
    kind = "extensions.filters.network.tcp_proxy.v3.TcpProxy"
    ways = typed(kind, stat_prefix="apps", cluster=f"{name}{_DIRECT}", idle_timeout=bootstrap.OFF)
    filters = [connection_filter.on_connections(), named("envoy.filters.network.tcp_proxy", ways)]
    return {"name": name, "internal_listener": {}, "filter_chains": [{"filters": filters}]}


def _clusters(links: Iterable[Link]) -> list[Json]:
    return [cluster for name, link in _callees(links).items() for cluster in _ways(name, link)]


def _callees(links: Iterable[Link]) -> dict[str, Link]:
    return {link.callee: link for link in links}


def _ways(name: str, link: Link) -> list[Json]:
    """HTTP/1: each connection of a caller has its own to the app, and they end together."""
    if link.protocol != "http":
        return [_cluster(name, bootstrap.endpoints(name, [link.app])) | _spoken()]
    pair = _cluster(name, bootstrap.inside(name)) | bootstrap.INSIDE | _spoken()
    direct = f"{name}{_DIRECT}"
    return [
        pair | {"connection_pool_per_downstream_connection": True},
        _cluster(direct, bootstrap.endpoints(direct, [link.app])),
    ]


def _cluster(name: str, endpoints: Json) -> Json:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": bootstrap.FOREVER,
        "load_assignment": endpoints,
        "circuit_breakers": {"thresholds": [bootstrap.thresholds()]},
    }


def _spoken() -> Json:
    same = {"http_protocol_options": _http1(), "http2_protocol_options": bootstrap.HTTP2}
    options = bootstrap.upstream_options(use_downstream_protocol_config=same)
    return {"typed_extension_protocol_options": options}
