"""Clients for plain asserts: every request carries an id, a user and a cohort, like requests of a load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

from testbed.load.stub_rpc import CALL, message

if TYPE_CHECKING:
    import grpc
    import httpx

Marks = Callable[[], dict[str, str]]  # the headers of the next request
FOR = {
    "http": "use client() or async_client()",
    "grpc": "use channel(); its calls carry a user as well",
    "http2": "httpx needs its extra http2 for this; make your own client for .url",
}  # which client to use, by the protocol of the entry


def client(url: str, run: int, user: str, cohort: str, carriers: Sequence[str] = ()) -> httpx.Client:
    """Return a client of this user; its request ids contain the number of the last run."""
    import httpx

    marks = _marks(run, user, cohort, carriers)

    def mark(request: httpx.Request) -> None:
        request.headers.update(marks())

    return httpx.Client(base_url=url, event_hooks={"request": [mark]}, trust_env=False, timeout=30)


def async_client(url: str, run: int, user: str, cohort: str, carriers: Sequence[str] = ()) -> httpx.AsyncClient:
    """Return the same for `async def` tests."""
    import httpx

    marks = _marks(run, user, cohort, carriers)

    async def mark(request: httpx.Request) -> None:
        request.headers.update(marks())

    return httpx.AsyncClient(base_url=url, event_hooks={"request": [mark]}, trust_env=False, timeout=30)


def channel(address: str, run: int, user: str, cohort: str, carriers: Sequence[str] = ()) -> grpc.Channel:
    """Return a gRPC channel of this user; without retries, and without a proxy from the environment."""
    import grpc

    from testbed.load.grpc_context import Marking

    options = (("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
    bare = grpc.insecure_channel(address, options)
    return grpc.intercept_channel(bare, Marking(_marks(run, user, cohort, carriers)))


def forget(address: str, path: str, protocol: str) -> None:
    """Ask a service to reset its state: a POST to a path, over gRPC as a call. Raises if it fails."""
    if protocol == "grpc":
        import grpc

        with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CALL)
            call(message("POST", path), 5)
        return
    import httpx

    httpx.post(f"http://{address}{path}", timeout=5, trust_env=False).raise_for_status()


def _marks(run: int, user: str, cohort: str, carriers: Sequence[str]) -> Marks:
    numbers = count(1)

    def marks() -> dict[str, str]:
        name = f"c{run}-{id(numbers):x}-{next(numbers)}"
        members = [f"tb.id={name}"] + [f"tb.{k}={v}" for k, v in (("user", user), ("cohort", cohort)) if v]
        return {"x-request-id": name, **dict.fromkeys(("baggage", *carriers), ",".join(members))}

    return marks
