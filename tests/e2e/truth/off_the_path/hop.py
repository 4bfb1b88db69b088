"""A service that hands on no context: it asks the next one, over HTTP or a connection of its own, and answers 502."""

import os
import socket
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hop(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            ask()
            self.send_response(200)
        except (OSError, EOFError):
            self.send_response(502)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


def ask():
    if "INVENTORY_URL" in os.environ:
        urllib.request.urlopen(os.environ["INVENTORY_URL"] + "/", timeout=2).read()
        return
    host, _, port = os.environ["STORE_ADDR"].partition(":")
    with socket.create_connection((host, int(port)), 1) as store:
        store.settimeout(1)
        store.sendall(b"?")
        if not store.recv(1):
            raise EOFError("the store closed the connection")


ThreadingHTTPServer((os.environ["ADDR"].split(":")[0], int(os.environ["PORT"])), Hop).serve_forever()
