"""An HTTP server at a Unix socket: a handler for it needs `OverUnix` and what it answers."""

from __future__ import annotations

import http.server
import socketserver


class OverUnix(http.server.BaseHTTPRequestHandler):
    """Its client has no address, and it logs nothing."""

    def say(self, status: int, text: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class UnixServer(socketserver.ThreadingUnixStreamServer):
    """Takes the path of the socket, and a handler."""

    daemon_threads = True
