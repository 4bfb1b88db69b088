"""Asks pricing: each second request where the registry says if PAST is set, on a kept connection if KEEP is."""

import itertools
import os
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

numbers, kept, lock = itertools.count(), {}, threading.Lock()


def ask(past):
    address = Path(os.environ["REGISTRY"], "pricing").read_text() if past else os.environ["PRICING_ADDR"]
    if past and "KEEP" in os.environ:
        with lock:
            return status(kept.setdefault(address, HTTPConnection(address, timeout=2)))
    connection = HTTPConnection(address, timeout=2)
    try:
        return status(connection)
    finally:
        connection.close()


def status(connection):
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            code = ask("PAST" in os.environ and next(numbers) % 2)
        except OSError:
            code = 503
        self.send_response(code)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Shop).serve_forever()
