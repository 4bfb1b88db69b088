"""A small site for fault tests: two checkouts call two pricings and one auth; the load enters at checkout."""

from testbed.faults.target import FaultContext
from testbed.plan.values import Link, Replica

REPLICAS = tuple(
    Replica(f"{service}-{number}", service, number, f"127.9.{place}.{number}")
    for place, (service, copies) in enumerate({"checkout": 2, "pricing": 2, "auth": 1}.items(), 1)
    for number in range(1, copies + 1)
)


def _link(index: int, caller: str, service: str, callee: Replica, inlet: bool = True) -> Link:
    return Link(
        f"{caller}--{callee.name}",
        caller,
        callee.name,
        f"{service} -> {callee.service}",
        f"{callee.address}:{10000 + index}",
        f"{callee.address}:{20000 + index}" if inlet else None,
        f"{callee.address}:8080",
    )


def links(bare: str = "") -> tuple[Link, ...]:
    callers = [(0, "client", "client", ("checkout",))]
    callers += [(n, f"checkout-{n}", "checkout", ("pricing", "auth")) for n in (1, 2)]
    return tuple(
        _link(index, caller, service, callee, inlet=f"{service} -> {callee.service}" != bare)
        for index, caller, service, upstreams in callers
        for callee in REPLICAS
        if callee.service in upstreams
    )


USERS = {f"u{n:03}": "trondheim" if n <= 5 else "" for n in range(1, 101)}
CONTEXT = FaultContext(links(), REPLICAS, USERS, seed=7)
EMPTY = FaultContext(links(), REPLICAS, {}, seed=7)
BARE = FaultContext(links(bare="checkout -> pricing"), REPLICAS, USERS, seed=7)
INTO_PRICING = ("checkout-1--pricing-1", "checkout-1--pricing-2", "checkout-2--pricing-1", "checkout-2--pricing-2")
