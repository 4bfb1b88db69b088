"""Polls inventory, as a health checker does. No service calls it."""

import contextlib
import os
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer


def poll():
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(os.environ["INVENTORY_URL"] + "/", timeout=1).read()
        time.sleep(0.1)


threading.Thread(target=poll, daemon=True).start()
HTTPServer((os.environ["ADDR"].split(":")[0], int(os.environ["PORT"])), BaseHTTPRequestHandler).serve_forever()
