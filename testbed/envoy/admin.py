"""Gets the counters of requests and connections of an Envoy from its admin address."""

from __future__ import annotations

from urllib.parse import quote

from testbed.envoy.bootstrap import STAT_PREFIX, TCP_PREFIX
from testbed.runtime.http import ask

_WANTED = (
    f"http.{STAT_PREFIX}.downstream_rq_total",
    f"http.{STAT_PREFIX}.downstream_rq_active",
    f"tcp.{STAT_PREFIX}.downstream_cx_total",
    f"listener.{TCP_PREFIX}.downstream_cx_active",
)
_PATTERN = "|".join(name.replace(".", r"\.") for name in _WANTED)
_COUNTERS = f"/stats?filter={quote(f'^({_PATTERN})$')}"


def counters(admin: str) -> tuple[int, int, int, int]:
    """Return the accepted requests of an Envoy and those under way, and the same for connections of tcp edges.

    Raises `TestbedError` if it does not answer.
    """
    _, text = ask(admin, _COUNTERS, f"the Envoy at {admin} does not return its counters")
    found = {name: int(value) for name, _, value in (line.partition(": ") for line in text.splitlines())}
    taken, in_hand, connections, connected = (found.get(name, 0) for name in _WANTED)
    return taken, in_hand, connections, connected
