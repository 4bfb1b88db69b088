"""A service on a cache: redis-py with a pool, a time-out for connecting, for an answer and for a place in the pool."""

from __future__ import annotations

import os

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from serving import serve

host, _, port = os.environ["CACHE_ADDR"].rpartition(":")
pool = redis.BlockingConnectionPool(
    host=host,
    port=int(port),
    max_connections=8,
    timeout=0.3,
    socket_timeout=0.4,
    socket_connect_timeout=0.4,
    retry=Retry(NoBackoff(), 0),
)
client = redis.Redis(connection_pool=pool)
BIG = 200_000


def answer(path: str, baggage: str) -> str:
    if path == "/big":
        client.setnx("big", b"x" * BIG)
        return str(len(client.get("big")))
    return str(client.incr("visits"))


serve(answer, redis.RedisError, OSError, TypeError)
