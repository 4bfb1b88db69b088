"""Facts of the inlet's and the links' configuration that the transparency rests on; real programs prove the rest."""

import json
from dataclasses import replace
from typing import Any

from testbed.injection.inlet.inlet import CONTROL_HEADERS, inlet_process, script
from testbed.injection.toxiproxy.links import links_process, toxiproxy_config
from testbed.plan.values import Link

PLAIN = Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", "127.9.2.1:20001", "127.9.2.1:8080")
OTHER = Link("a-2--b-1", "a-2", "b-1", "a -> b", "127.9.2.1:10002", "127.9.2.1:20002", "127.9.2.1:8080")
BARE = Link("a-1--c-1", "a-1", "c-1", "a -> c", "127.9.3.1:10001", None, "127.9.3.1:8080")
LINKS = (PLAIN, OTHER, BARE)


def inlet() -> dict[str, Any]:
    _, files = inlet_process(LINKS, admin="127.9.0.2:9990", control="127.9.0.2:9991")
    config: dict[str, Any] = json.loads(files[0].text)["static_resources"]
    return config


def manager() -> dict[str, Any]:
    found: dict[str, Any] = inlet()["listeners"][0]["filter_chains"][0]["filters"][-1]["typed_config"]
    return found


def test_one_listener_has_every_inlet_address_and_the_control_address() -> None:
    listener = inlet()["listeners"][0]
    more = [one["address"]["socket_address"] for one in listener["additional_addresses"]]
    assert listener["address"]["socket_address"] == {"address": "127.9.0.2", "port_value": 9991}
    assert more == [{"address": "127.9.2.1", "port_value": 20001}, {"address": "127.9.2.1", "port_value": 20002}]


def test_the_process_says_what_it_binds() -> None:
    process, _ = inlet_process(LINKS, admin="127.9.0.2:9990", control="127.9.0.2:9991")
    assert process.listens == ("127.9.0.2:9990", "127.9.0.2:9991", "127.9.2.1:20001", "127.9.2.1:20002")
    assert process.argv[:3] == ("envoy", "-c", "{dir}/inlet/envoy.json")
    assert process.argv[3:5] == ("--concurrency", "1")


def test_one_app_is_one_cluster_without_limits_or_timeouts() -> None:
    clusters = inlet()["clusters"]
    assert [one["name"] for one in clusters] == ["b-1", "b-1/app"]
    for cluster in clusters:
        limits = cluster["circuit_breakers"]["thresholds"][0]
        names = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
        assert {limits[name] for name in names} == {2**32 - 1}
        assert cluster["connect_timeout"] == "86400s"


def test_each_connection_of_a_caller_has_its_own_to_the_app_behind_an_internal_listener() -> None:
    _, listener = inlet()["listeners"]
    pair, direct = inlet()["clusters"]
    (host,) = pair["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert host["endpoint"]["address"] == {"envoy_internal_address": {"server_listener_name": listener["name"]}}
    assert listener["filter_chains"][0]["filters"][-1]["typed_config"]["cluster"] == direct["name"]
    assert pair["connection_pool_per_downstream_connection"]


def test_an_app_that_speaks_http2_shares_its_connections() -> None:
    _, files = inlet_process([replace(PLAIN, protocol="grpc")], admin="127.9.0.2:9990", control="127.9.0.2:9991")
    config = json.loads(files[0].text)
    (cluster,) = config["static_resources"]["clusters"]
    assert "connection_pool_per_downstream_connection" not in cluster
    assert "bootstrap_extensions" not in config


def test_nothing_times_out() -> None:
    found = manager()
    assert {found[key] for key in ("stream_idle_timeout", "request_timeout", "delayed_close_timeout")} == {"0s"}
    for route in found["route_config"]["virtual_hosts"][0]["routes"]:
        assert (route["route"]["timeout"], route["route"]["idle_timeout"]) == ("0s", "0s")


def test_old_callers_custom_methods_and_offers_of_tls_are_no_errors() -> None:
    options = manager()["http_protocol_options"]
    assert (options["accept_http_10"], options["allow_custom_methods"]) == (True, True)
    assert options["ignore_http_11_upgrade"] == [{"prefix": "TLS/", "ignore_case": True}]


def test_headers_that_would_steer_the_inlet_are_dropped_first() -> None:
    steps = manager()["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    assert {"remove": "x-envoy-retry-on"} in steps
    assert set(CONTROL_HEADERS) <= {step.get("remove") for step in steps}
    assert "x-envoy-attempt-count" not in CONTROL_HEADERS


def test_the_filters_are_in_the_order_that_faults_and_resets_need() -> None:
    assert [one["name"].rpartition(".")[2] for one in manager()["http_filters"]] == ["lua", "fault", "wasm", "router"]


def test_the_script_knows_the_links() -> None:
    text = script((PLAIN,), "127.9.0.2:9991")
    assert text.startswith(
        'CONTROL = "127.9.0.2:9991"\nFIELDS = {  }\nCARRIERS = { "baggage" }\n'
        'LINKS = {\n  ["127.9.2.1:20001"] = { app = "b-1", edge = "a -> b" },'
    )
    assert "function envoy_on_request" in text


def test_links_lead_to_the_inlet_or_straight_to_the_app() -> None:
    rows = json.loads(toxiproxy_config(LINKS))
    assert [(row["name"], row["listen"], row["upstream"], row["enabled"]) for row in rows] == [
        ("a-1--b-1", "127.9.2.1:10001", "127.9.2.1:20001", True),
        ("a-2--b-1", "127.9.2.1:10002", "127.9.2.1:20002", True),
        ("a-1--c-1", "127.9.3.1:10001", "127.9.3.1:8080", True),
    ]


def test_an_api_at_a_socket_needs_no_port() -> None:
    process, _ = links_process(LINKS, "unix:{dir}/links/api.sock")
    assert process.argv[1:3] == ("-socket", "links/api.sock")  # relative to the folder of the run: never too long
    assert process.listens == ("127.9.2.1:10001", "127.9.2.1:10002", "127.9.3.1:10001")
    assert process.ready.url == "unix:{dir}/links/api.sock"


def test_the_links_process_has_its_api_and_all_listeners() -> None:
    process, files = links_process(LINKS, "127.9.0.1:8474")
    own = ("-listen", "127.9.0.1:8474", "-token", "{dir}/links/token")
    assert process.argv == ("toxiproxy", *own, "-config", "{dir}/links/toxiproxy.json")
    assert process.listens == ("127.9.0.1:8474", "127.9.2.1:10001", "127.9.2.1:10002", "127.9.3.1:10001")
    assert process.ready.url == "http://127.9.0.1:8474/version"
    assert [file.path for file in files] == ["links/toxiproxy.json"]
