"""A shop that posts an order to its bank for each request. Argument: shop or bank. The path says how it orders.

/same: its second try has the key of the first. /new: a new key. /big: 2 MB. /steer: with headers for its proxy.
"""

import http.client
import os
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def order(path, headers):
    key = str(uuid.uuid4())
    for _ in range(2 if path in ("/same", "/new") else 1):
        key = str(uuid.uuid4()) if path == "/new" else key
        mine = {"baggage": headers.get("baggage", ""), "idempotency-key": key, "content-type": "application/json"}
        if path == "/steer":
            mine |= {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "2"}
        body = f'{{"cups": 2, "meta": {{"order-id": "{key}"}}}}'.encode()
        if (status := posted(b"x" * 2_000_000 if path == "/big" else body, mine)) == 200:
            break
    return status


def posted(body, headers):
    host, _, port = os.environ["BANK_ADDR"].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("POST", "/orders", body=body, headers=headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status
    except OSError:
        return 504
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(order(self.path, self.headers))

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
