from testbed.history.facts import facts_of
from testbed.spec.edges import normal_edge

NESTED = {
    "entry": "users",
    "services": {
        "users": {
            "replicas": 2,
            "calls": ["auth", {"parallel": ["bookings", {"to": "movies", "onFailure": "ignore"}]}],
            "routes": {"GET /x": {"calls": [{"to": "search"}]}},
        },
        "bookings": {
            "calls": [
                {
                    "to": "primary",
                    "on_failure": {
                        "fallback": "second",
                        "call": {"to": "secondary", "onFailure": {"fallback": "none"}},
                    },
                }
            ]
        },
        "movies": {"calls": [{"to": "store", "onFailure": {"fallback": "static", "answer": {"to": "nobody"}}}]},
    },
    "policies": [
        {
            "edge": "users->auth",
            "timeout": 1500.0,
            "retries": {
                "attempts": 2,
                "per_try_timeout": 150,
                "retryOn": ["5xx", "reset"],
                "backoff": {"base": 25.0, "max": None},
                "retryIgnorePreviousHosts": True,
            },
            "circuitBreaker": {"maxRequests": 8},
            "outlierDetection": None,
        },
        {"edge": "bookings -> primary", "timeout": "500ms"},
    ],
}


def test_every_call_is_an_edge_once_in_order_the_loads_own_first():
    found = facts_of(NESTED)
    assert found.edges == (
        "client -> users",
        "users -> auth",
        "users -> bookings",
        "users -> movies",
        "users -> search",
        "bookings -> primary",
        "bookings -> secondary",
        "movies -> store",
    )
    assert found.entry == "users"


def test_fallbacks_of_fallbacks_count_and_static_answers_are_not_read():
    assert facts_of(NESTED).fallbacks == {"second", "none", "static"}


def test_replicas_are_numbered_and_one_by_default():
    assert facts_of(NESTED).replicas["users"] == ("users-1", "users-2")
    assert facts_of(NESTED).replicas["movies"] == ("movies-1",)


def test_a_policy_reads_as_in_the_file():
    policies = facts_of(NESTED).policies
    assert policies["users -> auth"] == (
        "{timeout: 1.5s, retries: {attempts: 2, perTryTimeout: 150ms, retryOn: [5xx, reset], backoff: {base: 25ms}, "
        "retryIgnorePreviousHosts: true}, circuitBreaker: {maxRequests: 8}}"
    )
    assert policies["bookings -> primary"] == "{timeout: 500ms}"


def test_an_empty_or_odd_topology_has_no_facts():
    for topology in ({}, {"services": None, "policies": 5, "entry": None}):
        found = facts_of(topology)
        assert (found.edges, found.policies, found.fallbacks) == ((), {}, frozenset())


def test_edges_are_written_with_single_spaces():
    assert normal_edge(" a  ->b ") == "a -> b"


def test_a_real_topology_is_understood():
    from testbed.spec.topology import Topology

    topology = Topology(
        name="shop",
        entry="web",
        services={
            "web": {
                "language": "go",
                "calls": [{"to": "api", "onFailure": {"fallback": "old", "answer": 1}}, {"parallel": ["auth"]}],
            },
            "api": {"language": "go"},
            "auth": {"language": "go", "replicas": 2},
        },
        policies=[{"edge": "web -> api", "timeout": "500ms", "outlierDetection": {"consecutive5xxErrors": 3}}],
    )
    found = facts_of(topology.model_dump(mode="json", by_alias=True))
    assert found.edges == ("client -> web", "web -> api", "web -> auth")
    assert found.fallbacks == {"old"}
    assert found.replicas["auth"] == ("auth-1", "auth-2")
    assert found.policies["web -> api"].startswith("{timeout: 500ms, outlierDetection: {consecutive5xxErrors: 3, ")


def test_the_shortest_time_out_of_all_policies_is_known():
    assert facts_of(NESTED).patience_ms == 150
    assert facts_of({"entry": "users"}).patience_ms == float("inf")
