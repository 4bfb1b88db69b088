"""Clients for plain asserts: every request carries an id, a user and a cohort, as those of a load do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def client(url: str, run: int, user: str, cohort: str, carriers: Sequence[str] = ()) -> httpx.Client:
    """Return a client of this user whose ids tell after which run it was made."""
    import httpx

    return httpx.Client(
        base_url=url, event_hooks={"request": [_marker(run, user, cohort, carriers)]}, trust_env=False, timeout=30
    )


def async_client(url: str, run: int, user: str, cohort: str, carriers: Sequence[str] = ()) -> httpx.AsyncClient:
    """Return the same for `async def` tests."""
    import httpx

    mark = _marker(run, user, cohort, carriers)

    async def marked(request: httpx.Request) -> None:
        mark(request)

    return httpx.AsyncClient(base_url=url, event_hooks={"request": [marked]}, trust_env=False, timeout=30)


def forget(address: str, path: str, protocol: str) -> None:
    """Ask a service to forget what it has learnt: a POST to a path, over gRPC in a call. Raises if it does not."""
    if protocol == "grpc":
        import grpc

        with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/testbed.v1.Stub/Call")
            call(json.dumps({"method": "POST", "path": path}).encode(), 5)
        return
    import httpx

    httpx.post(f"http://{address}{path}", timeout=5, trust_env=False).raise_for_status()


def _marker(run: int, user: str, cohort: str, carriers: Sequence[str]) -> Callable[[httpx.Request], None]:
    numbers = count(1)

    def mark(request: httpx.Request) -> None:
        name = f"c{run}-{id(numbers):x}-{next(numbers)}"
        members = [f"tb.id={name}"] + [f"tb.{k}={v}" for k, v in (("user", user), ("cohort", cohort)) if v]
        request.headers["x-request-id"] = name
        request.headers.update(dict.fromkeys(("baggage", *carriers), ",".join(members)))

    return mark
