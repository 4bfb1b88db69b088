"""A service on PostgreSQL, Redis and a peer, over connections that it keeps, with what the drivers do and no more."""

import http.client
import os
import threading

import psycopg
import redis
from psycopg_pool import ConnectionPool, PoolTimeout
from serving import serve

here = threading.local()
host, _, port = os.environ["DB_ADDR"].rpartition(":")
words = f"host={host} port={port} user=postgres dbname=postgres connect_timeout=5 sslmode=disable gssencmode=disable"
pool = ConnectionPool(words, min_size=2, max_size=4, timeout=20, kwargs={"autocommit": True})
cache = redis.Redis.from_url(f"redis://{os.environ['CACHE_ADDR']}", max_connections=50)


def peer() -> str:
    """Ask the peer over the connection of this thread."""
    if not hasattr(here, "line"):
        here.line = http.client.HTTPConnection(os.environ["PEER_ADDR"], timeout=20)
    try:
        here.line.request("GET", "/")
        reply = here.line.getresponse()
        reply.read()
    except (OSError, http.client.HTTPException):
        del here.line
        raise
    if reply.status != 200:
        raise ConnectionError(f"the peer answers {reply.status}")
    return "peer"


def answer(path: str, baggage: str) -> str:
    """Use one of them."""
    if path == "/peer":
        return peer()
    if path == "/cache":
        return str(cache.incr("visits"))
    with pool.connection() as connection:
        query = "SELECT sum(sqrt(n)) FROM generate_series(1, 300000) AS n" if path == "/work" else "SELECT 1"
        return str(connection.execute(query).fetchone())


serve(answer, psycopg.Error, PoolTimeout, redis.RedisError, OSError, http.client.HTTPException)
