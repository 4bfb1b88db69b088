"""Callers that share a proxy, asked one by one or all at once; mesh and gRPC alike."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from testbed import pause
from tests.kit.processes import eventually

HTTP = httpx.Client(trust_env=False, verify=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


def shared(bed):
    return bed.topology.placement == "node"


def neighbours(bed):
    """Two callers on node-1."""
    return (f"{bed.topology.entry}-1", f"{bed.topology.entry}-3")


def hit_by(bed):
    """A proxy to hit, and the callers behind it."""
    first, _ = near = neighbours(bed)
    return ("node-1", set(near)) if shared(bed) else (first, {first})


def ask(bed, replica, path="/"):
    """One request to one of the callers; its status."""
    return HTTP.get(f"{bed.plan.entries()[replica]}{path}").status_code


def at_once(bed, *replicas, refused):
    """How often which caller answered what, asked all at the same time.

    Their callee stands still until so many of them have been refused, so that nobody has to be quick.
    """
    with ThreadPoolExecutor(len(replicas)) as pool, bed.inject(pause().on(service="back")):
        asked = [(name, pool.submit(ask, bed, name)) for name in replicas]
        eventually(lambda: sum(one.done() for _, one in asked) >= refused, within_s=30)
    return Counter((name, one.result()) for name, one in asked)
