"""A line store over TCP."""

import os
import socketserver


class Talk(socketserver.StreamRequestHandler):
    """Answers each line."""

    def handle(self) -> None:
        """Answer until the caller hangs up."""
        for _ in self.rfile:
            self.wfile.write(b"one row\n")


class Server(socketserver.ThreadingTCPServer):
    """Takes many connections."""

    allow_reuse_address = daemon_threads = True


Server((os.environ["ADDR"], int(os.environ["PORT"])), Talk).serve_forever()
