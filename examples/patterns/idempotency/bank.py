"""A bank: POST /payments books a payment, /payments/keyed once for each x-request-id; GET /ledger tells the books."""

import http.server
import json
import os
import sqlite3
import sys

BOOKED = "CREATE TABLE IF NOT EXISTS payments (request TEXT, key TEXT UNIQUE)"
TWICE = "SELECT count(*) FROM (SELECT request FROM payments GROUP BY request HAVING count(*) > 1)"


def ledger() -> sqlite3.Connection:
    return sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_POST(self) -> None:
        request = self.headers["x-request-id"]
        key = request if self.path.endswith("/keyed") else None  # the database refuses a second row of a key
        books = ledger()
        books.execute("INSERT OR IGNORE INTO payments VALUES (?, ?)", (request, key))
        books.close()
        self.answer({"paid": request})

    def do_GET(self) -> None:
        books = ledger()
        (payments,), (twice,) = (
            books.execute("SELECT count(*) FROM payments").fetchone(),
            books.execute(TWICE).fetchone(),
        )
        books.close()
        self.answer({"payments": payments, "paid_twice": twice})

    def answer(self, data: dict[str, object]) -> None:
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


ledger().executescript(f"PRAGMA journal_mode=WAL; {BOOKED};")
Server((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
