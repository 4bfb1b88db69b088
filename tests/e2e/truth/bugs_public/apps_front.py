"""Calls three services with the libraries that people use, in the way that the path says."""

import itertools
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import httpx
import requests

FILES, PRICES = os.environ["FILES_URL"], os.environ["PRICES_URL"]
SHARED = httpx.Client(limits=httpx.Limits(max_connections=2), timeout=httpx.Timeout(2, pool=0.2), trust_env=False)
OWN = {url: httpx.Client(timeout=2, trust_env=False) for url in (FILES, PRICES)}
EITHER = itertools.cycle([FILES, PRICES])
SESSION = requests.Session()
SESSION.trust_env = False
PLAIN = (("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0))
CHANNEL = grpc.insecure_channel(os.environ["RPC_ADDR"], options=PLAIN)
ROOMY = grpc.insecure_channel(os.environ["RPC_ADDR"], options=(*PLAIN, ("grpc.max_receive_message_length", -1)))
LIMIT_S = 0.4

Headers = dict[str, str]


def per_read(headers: Headers) -> int:
    """A timeout of `requests` is one for each read of the socket, not for the whole answer."""
    return SESSION.get(FILES, headers=headers, timeout=LIMIT_S).status_code


def in_all(headers: Headers) -> int:
    """One for the whole answer."""
    until = time.monotonic() + LIMIT_S
    with SESSION.get(FILES, headers=headers, timeout=LIMIT_S, stream=True) as answer:
        for _ in answer.iter_content(500):
            if time.monotonic() > until:
                return 504
        return answer.status_code


def rpc(message: bytes, headers: Headers, channel: grpc.Channel = CHANNEL) -> int:
    """Call over gRPC; 200 if it is OK."""
    try:
        channel.unary_unary("/shop.Back/Call")(message, timeout=2, metadata=tuple(headers.items()))
    except grpc.RpcError:
        return 503
    return 200


WAYS = {
    "/one-pool": lambda headers: SHARED.get(next(EITHER), headers=headers).status_code,
    "/own-pools": lambda headers: OWN[url := next(EITHER)].get(url, headers=headers).status_code,
    "/per-read": per_read,
    "/in-all": in_all,
    "/post": lambda headers: SESSION.post(FILES, headers=headers, timeout=2).status_code,
    "/head": lambda headers: rpc(b"head", headers),
    "/alone": lambda headers: rpc(b"alone", headers),
    "/big": lambda headers: rpc(b"big", headers),
    "/big-roomy": lambda headers: rpc(b"big", headers, ROOMY),
}


class Front(BaseHTTPRequestHandler):
    """One call for each request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Call, and hand on the status; 500 for an exception of a library."""
        try:
            status = WAYS[self.path]({"baggage": self.headers.get("baggage", "")})
        except (requests.RequestException, httpx.HTTPError):
            status = 500
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Be quiet."""


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Front).serve_forever()
