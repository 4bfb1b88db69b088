"""What an Envoy has counted of requests and connections, asked at its admin address."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

from testbed.envoy.bootstrap import STAT_PREFIX, TCP_PREFIX
from testbed.errors import TestbedError

_NAMES = (
    rf"http\.{STAT_PREFIX}\.downstream_rq_(total|active)",
    rf"tcp\.{STAT_PREFIX}\.downstream_cx_total",
    rf"listener\.{TCP_PREFIX}\.downstream_cx_active",
)
_COUNTERS = "/stats?filter=" + quote(f"^({'|'.join(_NAMES)})$")


class Counted(NamedTuple):
    """What an Envoy has counted since it began: requests, and connections of tcp edges."""

    total: int = 0  # requests taken
    active: int = 0  # of those: in hand
    connections: int = 0  # taken
    connected: int = 0  # of those: open


def counters(admin: str) -> Counted:
    """Return what an Envoy has counted. Raises `TestbedError` if it is silent."""
    connection = http.client.HTTPConnection(admin, timeout=5)
    try:
        connection.request("GET", _COUNTERS)
        lines = connection.getresponse().read().decode().splitlines()
    except (OSError, http.client.HTTPException) as problem:
        raise TestbedError(f"the Envoy at {admin} does not tell its counters: {problem!r}") from problem
    finally:
        connection.close()
    return _counted(lines)


def _counted(lines: Iterable[str]) -> Counted:
    found = {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}
    requests, connections = f"http.{STAT_PREFIX}.downstream_rq", f"tcp.{STAT_PREFIX}.downstream_cx"
    return Counted(
        found.get(f"{requests}_total", 0),
        found.get(f"{requests}_active", 0),
        found.get(f"{connections}_total", 0),
        found.get(f"listener.{TCP_PREFIX}.downstream_cx_active", 0),
    )
