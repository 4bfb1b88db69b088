"""What the services in Python share: HTTP on ADDR and PORT, 200 with what a function returns, 503 if it fails."""

from __future__ import annotations

import http.server
import os
from collections.abc import Callable


def serve(answer: Callable[[str, str], str], *failures: type[Exception]) -> None:
    """Answer every GET with `answer(path, baggage)`, for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

        def do_GET(self) -> None:
            try:
                status, text = 200, answer(self.path, self.headers["baggage"] or "")
            except failures as error:
                status, text = 503, f"{type(error).__name__}: {error}"
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads, request_queue_size = True, 128

    with Server((os.environ["ADDR"], int(os.environ["PORT"])), Handler) as server:
        server.serve_forever()
