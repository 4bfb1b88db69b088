"""Prices; it writes its own address, not that of the link, into the registry."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

here = os.environ["ADDR"], int(os.environ["PORT"])


class Price(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


Path(os.environ["REGISTRY"], "pricing").write_text(f"{here[0]}:{here[1]}")
ThreadingHTTPServer(here, Price).serve_forever()
