"""A catalogue whose page is long, and a shop that passes it on. Argument: catalogue, passes-on, or has-a-spare."""

import http.client
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROLE = sys.argv[1]
PAGE = b"x" * 80_000


def catalogue(headers):
    return PAGE, len(PAGE)


def passes_on(headers):
    """Streams: the head of its answer is sent before it knows whether all of the page will come."""
    got, size = fetched(headers)
    return got, size


def has_a_spare(headers):
    got, size = fetched(headers)
    return (got, size) if len(got) == size else (b"a stored page", 13)


def fetched(headers):
    host, _, port = os.environ["CATALOGUE_ADDR"].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/", headers={"baggage": headers.get("baggage", "")})
    reply = connection.getresponse()
    size = int(reply.headers["content-length"])
    try:
        return reply.read(), size
    except http.client.IncompleteRead as half:
        return half.partial, size
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body, size = {"catalogue": catalogue, "passes-on": passes_on, "has-a-spare": has_a_spare}[ROLE](self.headers)
        self.close_connection = len(body) < size
        self.send_response(200)
        self.send_header("content-length", str(size))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
