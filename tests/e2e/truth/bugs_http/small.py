"""HTTP/1.1 on ADDR and PORT with the standard library; calls propagate the context. For the programs in this folder."""

import http.client
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTEXT = ("baggage", "traceparent", "tracestate", "x-request-id")
FAILURES = (OSError, http.client.HTTPException)


def ask(name, path="/", headers=None, *, method="GET", timeout=None):
    """Call an upstream; return its status and text. Raise one of FAILURES if there is no whole answer."""
    host, _, port = os.environ[f"{name.upper()}_ADDR"].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        sent = {key: headers[key] for key in CONTEXT if headers and headers.get(key)}
        connection.request(method, path, headers=sent)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def serve(answer):
    """Answer each request with answer(path, headers): a text (200), or a status and a text. OSError: 503."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                said = answer(self.path, self.headers)
            except OSError as error:
                said = 503, str(error)
            status, text = said if isinstance(said, tuple) else (200, said)
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET

        def log_message(self, *words):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads, request_queue_size = True, 256

        def handle_error(self, request, client_address):
            print(repr(sys.exc_info()[1]), flush=True)

    Server((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
