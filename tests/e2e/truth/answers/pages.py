"""A shop whose page needs its stock. Argument: stock, sorry (an apology with 200), away (a redirect to it), honest."""

import http.client
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROLE = sys.argv[1]


def page(path, headers):
    """Return status, headers and text."""
    if ROLE == "stock":
        return 200, {"content-type": "application/json", "x-cache": "hit"}, json.dumps({"items": ["cup"] * 20})
    if path == "/sorry":
        return 200, {"content-type": "text/html"}, "<h1>Sorry, please come back later</h1>"
    if (items := stock(headers)) is not None:
        return 200, {"content-type": "application/json"}, json.dumps({"for": headers["x-request-id"], "items": items})
    if ROLE == "away":
        return 302, {"location": "/sorry"}, ""
    return (503 if ROLE == "honest" else 200), {"content-type": "text/html"}, "<h1>Sorry, something went wrong</h1>"


def stock(headers):
    host, _, port = os.environ["STOCK_ADDR"].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/", headers={"baggage": headers.get("baggage", "")})
        reply = connection.getresponse()
        body = reply.read()
        return json.loads(body)["items"] if reply.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, headers, text = page(self.path, self.headers)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
