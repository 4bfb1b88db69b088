"""A service that one request ends: DEADLY=exit is the bug, anything else answers 500."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers every path but one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer, or end the process."""
        bad = self.path == "/bad"
        if bad and os.environ.get("DEADLY") == "exit":
            os._exit(3)
        self.send_response(500 if bad else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
