"""A part of a small shop. front asks the store, or mid; every second call of mid needs deep, all share two slots."""

import http.client
import itertools
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROLE = os.environ["ROLE"]
SLOTS = threading.Semaphore(2)
TURNS = itertools.count()
FAILURES = (OSError, http.client.HTTPException)


def call(upstream, path, headers):
    """Call an upstream without a timeout and return its status."""
    host, _, port = os.environ[f"{upstream}_ADDR"].partition(":")
    connection = http.client.HTTPConnection(host, int(port))
    try:
        connection.request("GET", path, headers={"baggage": headers.get("baggage", "")})
        reply = connection.getresponse()
        reply.read()
        return reply.status
    except FAILURES:
        return 502
    finally:
        connection.close()


def ask(timeout):
    """Ask the store for one byte; after the timeout, or an error, the answer is computed."""
    host, _, port = os.environ["CACHE_ADDR"].partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout) as store:
            store.sendall(b"?")
            store.recv(1)
    except OSError:
        pass
    return 200


def front(path, headers):
    if path.startswith("/store"):
        return ask(0.2 if path == "/store/careful" else None)
    way = "/light" if path == "/both" and next(TURNS) % 2 else "/deep"
    return call("MID", way, headers)


def mid(path, headers):
    if not SLOTS.acquire(timeout=0.05):
        return 503
    try:
        if path == "/deep":
            call("DEEP", "/", headers)
        return 200
    finally:
        SLOTS.release()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response({"front": front, "mid": mid}[ROLE](self.path, self.headers))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, address):
        pass


Server((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
