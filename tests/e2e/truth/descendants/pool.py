"""Serves from a child with a session of its own, like PostgreSQL's backends; a grandchild burns the processor if asked.

The child's first parent ends at once, so it is left to whoever adopts it.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


def serve():
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        while "BURN" in os.environ:
            pass
        signal.pause()
    HTTPServer((os.environ["ADDR"].split(":")[0], int(os.environ["PORT"])), Answer).serve_forever()


if os.fork() == 0:
    if os.fork() == 0:
        serve()
    os._exit(0)
os.wait()
if "HANDLER" in os.environ:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    time.sleep(60)
