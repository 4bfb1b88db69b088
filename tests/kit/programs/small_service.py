"""A service that nobody here would write: a few lines of Python's own HTTP server; and topologies around it.

What its environment may say: CALLS, names of variables with URLs to call, one after the other; FORWARD, the headers
that it hands on; BIND, where it listens, whatever ADDR says; LATE, seconds before it does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from testbed.experiment.testbed import Testbed
from testbed.spec.load import load_topology
from testbed.spec.topology import Topology

PORT = 18_000 + os.getpid() % 2_000  # one that it insists on: another one for each worker

SERVICE = """
import http.server, json, os, time, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_GET(self):
        status, body = 200, json.dumps({**os.environ, "cwd": os.getcwd()}).encode()
        try:
            for name in () if self.path == "/env" else os.environ.get("CALLS", "").split():
                names = os.environ.get("FORWARD", "baggage traceparent").split()
                headers = {name: self.headers[name] for name in names if self.headers[name]}
                urllib.request.urlopen(urllib.request.Request(os.environ[name], headers=headers), timeout=5).read()
        except OSError as error:
            status, body = 502, str(error).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

time.sleep(float(os.environ.get("LATE", "0")))
where = os.environ.get("BIND", os.environ["ADDR"]), int(os.environ["PORT"])
class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

server = Server(where, Handler)
print("listening on", *where, flush=True)
server.serve_forever()
"""
# a gRPC server without a service of its own, whose health is not good from the beginning
HEALTHY = """
import os, time
from concurrent.futures import ThreadPoolExecutor
import grpc
begin = time.monotonic()

def check(request, context):
    return b"\\x08\\x01" if time.monotonic() - begin > 0.5 else b"\\x08\\x02"  # SERVING, NOT_SERVING

server = grpc.server(ThreadPoolExecutor(2))
handler = grpc.unary_unary_rpc_method_handler(check)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})])
server.add_insecure_port(f"{os.environ['ADDR']}:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
"""


def command(*more: str) -> dict[str, Any]:
    """The keys of a service that runs the small service, which lies beside the topology's file."""
    return {"command": [sys.executable, "-u", "service.py", *more]}


def written(folder: Path, services: dict[str, Any], **more: Any) -> Topology:
    """Read a topology that has been written into a folder, the small service beside it."""
    import yaml

    folder.mkdir(exist_ok=True)
    (folder / "service.py").write_text(SERVICE)
    data = {"name": "own", "entry": next(iter(services)), "services": services, **more}
    (folder / "shop.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return load_topology(folder / "shop.yaml")


def answer_of(shop: Testbed) -> int:
    """The status of one request at the entry."""
    with shop.client() as client:
        return client.get("/").status_code
