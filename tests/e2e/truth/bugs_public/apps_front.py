"""Calls a service with the library that the path stands for."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import httpx

FILES = os.environ["FILES_URL"]
CLIENT = httpx.Client(timeout=2, trust_env=False)
CHANNEL = grpc.insecure_channel(
    os.environ["RPC_ADDR"], options=(("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0))
)


def rpc(headers: dict[str, str]) -> int:
    """Call over gRPC; 200 if it is OK."""
    try:
        CHANNEL.unary_unary("/shop.Back/Call")(b"", timeout=2, metadata=tuple(headers.items()))
    except grpc.RpcError:
        return 503
    return 200


WAYS = {"/post": lambda headers: CLIENT.post(FILES, headers=headers).status_code, "/head": rpc}


class Front(BaseHTTPRequestHandler):
    """One call for each request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Call, and hand on the status; 500 for an exception of the library."""
        try:
            status = WAYS[self.path]({"baggage": self.headers.get("baggage", "")})
        except httpx.HTTPError:
            status = 500
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Be quiet."""


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Front).serve_forever()
