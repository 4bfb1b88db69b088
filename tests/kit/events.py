"""Events with usual values, each field of which can be changed."""

from dataclasses import replace

from testbed.history.events import Arrival, Attempt, FaultEvent, Request, RunInfo

EDGE = "a -> b"


def fault(**changes):
    usual = {"id": "f1", "name": "latency", "text": "", "plane": "link", "links": ("a-1--b-1",), "edges": (EDGE,)}
    return FaultEvent(**{**usual, "start": 10.0, "end": 20.0, **changes})


def request(name, at=12.0, **changes):
    return replace(Request(name, "u", "", intended=at, sent=at, latency_ms=1, status=200), **changes)


def attempt(name, start, ms, callee="b-1", caller="a-1", edge=EDGE):
    return Attempt(name, edge, caller, callee, 1, start, ms, 200, call=f"c-{name}")


def arrival(name, start=12.0, **changes):
    return replace(Arrival(name, EDGE, "a-1", "b-1", 1, start, 5.0, 200), **changes)


def run_info(*sources, topology=None):
    return RunInfo(0, "t", 1, "envoy", topology or {}, {}, sources)
