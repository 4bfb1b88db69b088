"""Two services that nobody here would write: a store that sends back what it is sent, and one that asks it over TCP.

The second makes a connection for each request, and answers 502 where that fails.
"""

import http.server
import os
import socket
import socketserver
import sys

WHERE = os.environ["ADDR"], int(os.environ["PORT"])


class Store(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while piece := self.request.recv(65536):
            self.request.sendall(piece)


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_GET(self) -> None:
        try:
            host, _, port = os.environ["STORE_ADDR"].rpartition(":")
            with socket.create_connection((host, int(port)), timeout=15) as store:
                store.sendall(b"hello")
                status = 200 if store.recv(5) == b"hello" else 502
        except OSError:
            status = 502
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class Threads(socketserver.ThreadingMixIn):
    daemon_threads, request_queue_size, allow_reuse_address = True, 128, True


class StoreServer(Threads, socketserver.TCPServer):
    pass


class FrontServer(Threads, http.server.HTTPServer):
    pass


server = StoreServer(WHERE, Store) if "store" in sys.argv else FrontServer(WHERE, Front)
server.serve_forever()
