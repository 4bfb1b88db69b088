"""Two services and one policy between them."""

from typing import Any

from testbed.spec.topology import Topology


def shop(replicas: int = 2, forward: tuple[str, ...] = (), **policy: Any) -> Topology:
    services = {
        "web": {"language": "go", "calls": ["api"]},
        "api": {"language": "go", "replicas": replicas, "calls": ["db"]},
        "db": {"language": "go", "replicas": replicas},
    }
    policies = [{"edge": "web -> api", "timeout": "1s"}, {"edge": "api -> db", **policy}]
    return Topology(name="t", entry="web", services=services, policies=policies, forward_headers=forward)
