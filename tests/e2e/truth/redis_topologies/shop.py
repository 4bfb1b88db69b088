"""Asks a Redis primary: the one that Sentinel names (WAY=sentinel), or where its nodes send it (WAY=cluster)."""

import os

import redis
from redis.sentinel import Sentinel
from serving import serve


def address(name: str) -> tuple[str, int]:
    """Return where the link to a service listens."""
    host, _, port = os.environ[f"{name}_ADDR"].rpartition(":")
    return host, int(port)


def store() -> redis.Redis:
    """Return a client with the patience of half a second and without tries of its own."""
    patience = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    if os.environ["WAY"] == "sentinel":
        watch = Sentinel([address("WATCH")], sentinel_kwargs=patience, **patience)
        return watch.master_for("shop", retry=None)
    host, port = address("NODE_A")
    return redis.RedisCluster(host=host, port=port, **patience)


client: list[redis.Redis] = []


def answer(path: str, baggage: str) -> str:
    """Count three visits, which three masters keep."""
    if path == "/health":
        return "up"
    if not client:
        client.append(store())
    return str([client[0].incr(key) for key in ("b", "c", "d")])


serve(answer, redis.RedisError, OSError)
