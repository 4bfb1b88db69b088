"""A service with four permits for its calls. `leaks`: a permit is not given back after a failed call."""

import http.server
import os
import sys
import threading
import urllib.request

LEAKS = sys.argv[1] == "leaks"
PERMITS = 4
pool, lock, idle = threading.Semaphore(PERMITS), threading.Lock(), [PERMITS]


def change(by):
    with lock:
        idle[0] += by


def call(baggage):
    """Call stock with a permit; return the status."""
    if not pool.acquire(timeout=0.2):
        return 503
    change(-1)
    try:
        asked = urllib.request.Request(os.environ["STOCK_URL"], headers={"baggage": baggage})
        urllib.request.urlopen(asked, timeout=2).read()
    except OSError:
        if LEAKS:
            return 502
        status = 502
    else:
        status = 200
    change(+1)
    pool.release()
    return status


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_GET(self):
        status, text = 200, str(idle[0])
        if self.path == "/metrics":
            text = f'# TYPE pool_idle gauge\npool_idle{{pool="stock"}} {idle[0]}\npool_idle{{pool="other"}} 9\n'
        elif self.path != "/idle":
            status = call(self.headers["baggage"] or "")
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


Server((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
