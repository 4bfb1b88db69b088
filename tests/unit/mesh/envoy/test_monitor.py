"""What a caller's proxy says of itself, edge by edge, from the texts of its admin interface."""

from urllib.parse import unquote

from testbed.mesh.envoy.monitor import STATS, edge_values, failed_hosts, host_key, translated
from testbed.plan.values import Link

LINKS = [
    Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", None, "127.9.2.1:8080"),
    Link("a-1--b-2", "a-1", "b-2", "a -> b", "127.9.2.2:10001", None, "127.9.2.2:8080"),
    Link("a-1--c-1", "a-1", "c-1", "a -> c", "127.9.3.1:10001", None, "127.9.3.1:8080"),
]
STATISTICS = """cluster.b.circuit_breakers.default.rq_open: 1
cluster.b.outlier_detection.ejections_active: 2
cluster.b.upstream_rq_retry: 17
cluster.c.lb_healthy_panic: 0
cluster.stranger.lb_healthy_panic: 5
cluster.c.upstream_rq_time: P0(nan,1.0)
"""
HOSTS = """b::observability_name::b
b::default_priority::max_requests::4294967295
b::127.9.2.1:10001::rq_total::5
b::127.9.2.1:10001::health_flags::healthy
b::127.9.2.2:10001::health_flags::/failed_outlier_check
c::127.9.3.1:10001::health_flags::healthy
x::127.9.9.9:10001::health_flags::healthy
"""


def test_each_edge_has_its_own_values():
    found = edge_values(STATISTICS, HOSTS, LINKS)
    assert found == {
        "a -> b": {
            "rq_open": 1.0,
            "hosts_ejected": 2.0,
            "upstream_rq_retry": 17.0,
            host_key("b-1"): 0.0,
            host_key("b-2"): 1.0,
        },
        "a -> c": {"sent_in_panic": 0.0, host_key("c-1"): 0.0},
    }


def test_nothing_said_is_nothing_known():
    assert edge_values("", "", LINKS) == {}


def test_a_nodes_proxy_has_a_cluster_for_each_edge():
    links = [Link("a@n-1--b-1", "a@n-1", "b-1", "a -> b", "127.9.2.1:1", None, "127.9.2.1:8080", ("a-1", "a-2"))]
    found = edge_values("cluster.a.b.outlier_detection.ejections_active: 1", "a.b::127.9.2.1:1::health_flags::x", links)
    assert found == {"a -> b": {"hosts_ejected": 1.0, host_key("b-1"): 0.0}}


def test_only_what_checks_ask_for_is_asked():
    assert unquote(STATS).startswith(r"/stats?filter=^cluster\..+\.(circuit_breakers")
    assert "upstream_rq_time" not in STATS


def test_names_do_not_depend_on_the_proxy_and_the_kinds_of_detection_are_added():
    found = translated(
        {
            "ejections_detected_consecutive_5xx": 2.0,
            "ejections_detected_consecutive_gateway_failure": 1.0,
            "ejections_overflow": 3.0,
            "rq_open": 1.0,
        }
    )
    assert found == {"ejections_detected": 3.0, "ejections_not_allowed": 3.0, "rq_open": 1.0}
    assert translated(found) == found


def test_a_host_has_failed_if_a_request_or_a_connection_to_it_has():
    rows = ["b-1::127.9.2.1:10001::rq_error::2", "b::127.9.2.2:10001::cx_connect_fail::1"]
    rows += ["c::127.9.3.1:10001::rq_error::0", "x::127.9.9.9:10001::rq_error::3"]
    assert failed_hosts("\n".join([HOSTS, *rows]), LINKS) == {("a -> b", "b-1"), ("a -> b", "b-2")}
    assert failed_hosts(HOSTS, LINKS) == set()
