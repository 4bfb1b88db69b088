"""A service on a cache: redis-py with a pool, a time-out for connecting, for an answer and for a place in the pool.

Only for /quick they are so short that a busy machine may exceed them.
"""

from __future__ import annotations

import os

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from serving import serve

host, _, port = os.environ["CACHE_ADDR"].rpartition(":")
BIG = 200_000


def patient(seconds: float) -> redis.Redis:
    pool = redis.BlockingConnectionPool(
        host=host,
        port=int(port),
        max_connections=8,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


plain, quick = patient(30), patient(0.4)


def answer(path: str, baggage: str) -> str:
    client = quick if path.startswith("/quick") else plain
    if path.endswith("/big"):
        client.setnx("big", b"x" * BIG)
        return str(len(client.get("big")))
    return str(client.incr("visits"))


serve(answer, redis.RedisError, OSError, TypeError)
