"""A service with the SDK of OpenTelemetry. GET /eager asks its database again and again, GET /once asks it once."""

import http.server
import os
import sqlite3
import time

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("orders")
QUERY = "SELECT count(*) FROM stock"


def ask():
    """Ask a table that is not there: it fails, after a while."""
    attributes = {"db.system": "sqlite", "db.statement": QUERY}
    with tracer.start_as_current_span("query", kind=trace.SpanKind.CLIENT, attributes=attributes):
        time.sleep(0.02)
        with sqlite3.connect(":memory:") as database:
            database.execute(QUERY)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def do_GET(self):
        status, parent = 200, propagate.extract(self.headers)
        with tracer.start_as_current_span(self.path, parent, trace.SpanKind.SERVER) as span:
            if self.path == "/eager":
                for _ in range(3):
                    try:
                        ask()
                    except sqlite3.Error:
                        status = 503
                span.add_event("breaker open")
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128


Server((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
