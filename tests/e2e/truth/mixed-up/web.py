"""Asks pricing for each request. With KEEPS=global the headers of the last request are in a global variable."""

import http.server
import os
import time
import urllib.request

last = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_GET(self):
        headers = {"baggage": self.headers["baggage"] or ""}
        if os.environ["KEEPS"] == "global" and not last:
            last.update(headers)  # "set it once": the context of the first request
        sent = last if os.environ["KEEPS"] == "global" else headers
        time.sleep(0.01)
        with urllib.request.urlopen(
            urllib.request.Request(os.environ["PRICING_URL"], headers=sent), timeout=5
        ) as reply:
            reply.read()
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
