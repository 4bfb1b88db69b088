"""The statistics of the callers' proxies that checks need, for each edge. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from testbed.envoy.admin import counters
from testbed.evidence.access_log import by_listen
from testbed.evidence.completeness import Counts
from testbed.history.counters import CONNECTIONS, DETECTED, EJECTED, EJECTIONS, HOSTS_EJECTED, IN_PANIC, NOT_ALLOWED
from testbed.plan.values import Link

_BREAKER = r"circuit_breakers\.default\."
_OUTLIERS = r"outlier_detection\."
_WANTED = (
    rf"{_BREAKER}(.*_open|remaining_.*)",
    "upstream_rq_(pending_overflow|active_overflow|retry|retry_overflow)",
    rf"{_OUTLIERS}ejections_(active|overflow|enforced_total|detected_consecutive_.*)",
    "lb_healthy_panic",
    "upstream_cx_total",
)
_NAMES = r"^cluster\..+\.(" + "|".join(_WANTED) + ")$"
_LINE = re.compile(rf"cluster\.(?P<cluster>.+?)\.({_BREAKER}|{_OUTLIERS})?(?P<statistic>[a-z0-9_]+): (?P<value>\d+)")
STATS = f"/stats?filter={quote(_NAMES)}"
HOSTS = "/clusters"
FAILURES = ("rq_error", "cx_connect_fail")  # counters of a host in the text of `HOSTS`
UNHEALTHY = "failed_outlier_check"  # Envoy's health flag of an ejected host

Values = dict[str, float]


COUNTERS = {  # Envoy's statistic -> the name that does not depend on the proxy
    "upstream_cx_total": CONNECTIONS,
    "ejections_active": HOSTS_EJECTED,
    "ejections_enforced_total": EJECTIONS,
    "ejections_overflow": NOT_ALLOWED,
    "lb_healthy_panic": IN_PANIC,
    **dict.fromkeys(
        (
            "ejections_detected_consecutive_5xx",
            "ejections_detected_consecutive_gateway_failure",
            "ejections_detected_consecutive_local_origin_failure",
        ),
        DETECTED,
    ),
}


def host_key(replica: str) -> str:
    """Return the name of the value that is 1 while this replica is ejected."""
    return f"{EJECTED}{replica}"


def translated(statistics: Mapping[str, float]) -> Values:
    """Return statistics of one cluster by names that do not depend on the proxy; the rest keeps its names."""
    found: Values = {}
    for name, value in statistics.items():
        key = COUNTERS.get(name, name)
        found[key] = found.get(key, 0.0) + value
    return found


def edge_values(stats: str, hosts: str, links: Sequence[Link]) -> dict[str, Values]:
    """Return the values of each edge from the texts of `STATS` and `HOSTS`; hosts show the edge of a cluster."""
    found: dict[str, Values] = defaultdict(dict)
    edges: dict[str, str] = {}
    for cluster, link, ejected in _hosts(hosts, by_listen(links)):
        edges[cluster] = link.edge
        found[link.edge][host_key(link.callee)] = float(ejected)
    for cluster, statistic, value in _statistics(stats):
        if cluster in edges:
            found[edges[cluster]][statistic] = value
    return {edge: translated(values) for edge, values in found.items()}


def failed_hosts(hosts: str, links: Sequence[Link]) -> set[tuple[str, str]]:
    """Return edge and replica of each host that failed since the start of the proxy, from the text of `HOSTS`."""
    known = by_listen(links)
    rows = (line.split("::") for line in hosts.split("\n"))
    failed = (row[1] for row in rows if len(row) == 4 and row[2] in FAILURES and row[3] != "0" and row[1] in known)
    return {(known[host].edge, known[host].callee) for host in failed}


def _statistics(text: str) -> Iterator[tuple[str, str, float]]:
    """Yield cluster, statistic and value; the name of a cluster may contain a dot."""
    for line in text.split("\n"):
        if found := _LINE.fullmatch(line):
            yield found["cluster"], found["statistic"], float(found["value"])


def _hosts(text: str, links: Mapping[str, Link]) -> Iterator[tuple[str, Link, bool]]:
    """Yield cluster, link and whether it is ejected for each host."""
    for line in text.split("\n"):
        words = line.split("::")
        if len(words) == 4 and words[2] == "health_flags" and words[1] in links:
            yield words[0], links[words[1]], UNHEALTHY in words[3]


def counts(admin: str) -> Counts:
    """Return the counters of the Envoy at this admin address. Raises `TestbedError` if it does not answer."""
    return Counts(*counters(admin))


class EnvoyMonitor:
    """Implements `testbed.evidence.sampler.Monitor`."""

    paths = (STATS, HOSTS)

    def values(self, texts: Sequence[str], links: Sequence[Link]) -> dict[str, Values]:
        """Return the values of each edge."""
        stats, hosts = texts
        return edge_values(stats, hosts, links)

    def failed(self, texts: Sequence[str], links: Sequence[Link]) -> set[tuple[str, str]]:
        """Return edge and replica of each host that failed since the start of the proxy."""
        return failed_hosts(texts[1], links)
