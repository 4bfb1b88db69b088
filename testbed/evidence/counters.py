"""What the callers' proxies say of themselves: the few Envoy statistics that checks ask for, edge by edge. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from testbed.evidence.lines import by_listen
from testbed.plan import Link

_OUTLIERS = "active|overflow|enforced_total|detected_consecutive_(5xx|gateway_failure|local_origin_failure)"
_WANTED = (
    r"circuit_breakers\.default\.(.*_open|remaining_.*)",
    "upstream_rq_(pending_overflow|active_overflow|retry|retry_overflow)",
    rf"outlier_detection\.ejections_({_OUTLIERS})",
    "lb_healthy_panic",
)
_FILTER = r"^cluster\.[^.]+\.(" + "|".join(_WANTED) + ")$"
STATS = f"/stats?filter={quote(_FILTER)}"
HOSTS = "/clusters"
EJECTED = "failed_outlier_check"  # Envoy's health flag

Values = dict[str, float]


def host_key(replica: str) -> str:
    """Return the name of the value that is 1 while this replica is ejected."""
    return f"ejected.{replica}"


def edge_values(stats: str, hosts: str, links: Sequence[Link]) -> dict[str, Values]:
    """Return the values of each edge from the texts of `STATS` and `HOSTS`; a cluster has its callee's name."""
    found: dict[str, Values] = defaultdict(dict)
    edges = {link.edge.partition(" -> ")[2]: link.edge for link in links}
    for name, value in _statistics(stats):
        _, cluster, statistic = name.split(".", 2)
        if cluster in edges:
            found[edges[cluster]][_short(statistic)] = value
    for replica, edge, ejected in _hosts(hosts, by_listen(links)):
        found[edge][host_key(replica)] = float(ejected)
    return dict(found)


def _short(statistic: str) -> str:
    for prefix in ("circuit_breakers.default.", "outlier_detection."):
        statistic = statistic.removeprefix(prefix)
    return statistic


def _statistics(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        name, _, value = line.partition(": ")
        if value.strip().isdigit():
            yield name, float(value)


def _hosts(text: str, links: Mapping[str, Link]) -> Iterator[tuple[str, str, bool]]:
    for line in text.splitlines():
        words = line.split("::")
        if len(words) == 4 and words[2] == "health_flags" and words[1] in links:
            link = links[words[1]]
            yield link.callee, link.edge, EJECTED in words[3]
