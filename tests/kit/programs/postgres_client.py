"""A service on a database: psycopg with a pool; libpq waits for answers for ever, so a watchdog cuts the connection.

Only for /quick it does so after half a second, which a busy machine may take for an answer.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout
from serving import serve

host, _, port = os.environ["DB_ADDR"].rpartition(":")
pool = ConnectionPool(
    f"host={host} port={port} user=postgres dbname=postgres connect_timeout=2 sslmode=disable gssencmode=disable",
    min_size=2,
    max_size=6,
    reconnect_timeout=60,
    kwargs={"autocommit": True, "prepare_threshold": None},
)


@contextmanager
def within(connection: psycopg.Connection, seconds: float) -> Iterator[None]:
    """Cut a connection whose answer does not come."""

    def cut() -> None:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as there:
            there.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(seconds, cut)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def answer(path: str, baggage: str) -> str:
    query = "SELECT repeat('x', 200000)" if path.endswith("/big") else "SELECT 1"
    patience_s = 0.5 if path.startswith("/quick") else 30
    with pool.connection(patience_s) as connection, within(connection, patience_s):
        (row,) = connection.execute(query)
        return str(len(str(row[0])))


serve(answer, psycopg.Error, PoolTimeout, OSError)
