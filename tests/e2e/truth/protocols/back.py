"""Answers 200; after an upgrade it shouts back five bytes."""

import http.client
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

http.client._MAXLINE, http.client._MAXHEADERS = 1 << 20, 1000  # Python's own limits are those of Envoy's defaults


class Back(BaseHTTPRequestHandler):
    """Takes any upgrade."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Switch the protocol if asked to."""
        upgrade = self.headers.get("upgrade")
        self.send_response(101 if upgrade else 200)
        for name, value in (
            {"connection": "Upgrade", "upgrade": upgrade} if upgrade else {"content-length": "0"}
        ).items():
            self.send_header(name, value)
        self.end_headers()
        if upgrade:
            self.wfile.write(self.rfile.read(5).upper())
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Be quiet."""


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Back).serve_forever()
