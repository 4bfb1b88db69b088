import pytest

from testbed.spec.lint.amplification import amplification
from testbed.spec.routes import Node
from testbed.spec.topology import Topology


def retried(edge, attempts=2, on="5xx"):
    return {"edge": edge, "retries": {"attempts": attempts, "retryOn": on}}


def implied(calls, policies=(), **more):
    """What one request at a becomes at the last service, where each service makes these calls."""
    services = {name: {"language": "go", "calls": steps} for name, steps in calls.items()}
    data = {"name": "x", "entry": "a", "services": services, "policies": list(policies)} | more
    found = amplification(Topology.model_validate(data), list(services)[-1], Node("a"))
    return found.most, str(found)


CHAIN = {"a": ["b"], "b": ["c"], "c": []}


@pytest.mark.parametrize(
    ("calls", "policies", "expected"),
    [
        (CHAIN, [], (1, "1")),
        (CHAIN, [retried("a -> b"), retried("b -> c")], (9, "3 x 3 = 9")),
        (CHAIN, [retried("a -> b", on="connect-failure"), retried("b -> c")], (3, "3")),
        (CHAIN, [retried("b -> c", on="connect-failure")], (3, "3")),  # refused attempts are attempts
        (CHAIN, [retried("a -> b", on="reset"), retried("b -> c", 1)], (6, "3 x 2 = 6")),
        ({"a": [{"to": "b", "retry": {"retries": 1}}], "b": ["c"], "c": []}, [retried("a -> b")], (6, "2 x 3 = 6")),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, [retried("b -> c")], (4, "3, and 1 = 4")),
        ({"a": [{"parallel": ["b", "b"]}], "b": ["c"], "c": []}, [retried("b -> c")], (6, "2 times 3 = 6")),
        (
            {"a": [{"to": "b", "onFailure": {"fallback": "f", "call": "c"}}], "b": ["c"], "c": []},
            [],
            (2, "2 times 1 = 2"),
        ),
        ({"a": ["b"], "b": [], "c": []}, [], (0, "0")),
    ],
)
def test_tries_multiply_along_a_path_and_paths_add_up(calls, policies, expected):
    assert implied(calls, policies) == expected


def test_without_a_mesh_only_the_applications_retry():
    calls = CHAIN | {"b": [{"to": "c", "retry": {"retries": 1}}]}
    assert implied(calls, [retried("a -> b")], mesh="none") == (2, "2")
