"""Answers in the way that the path says: with two lengths, before it has read the body, as a stream that lasts."""

import os
import socketserver
import time

OK = b"HTTP/1.1 200 OK\r\n"
EARLY = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
STREAMS = {"/stream": 2, "/long-stream": 8}  # in tenths of a second
SAYS = {"/two-lengths-back": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"}


class Back(socketserver.StreamRequestHandler):
    """One connection with one request after the other."""

    def handle(self) -> None:
        """Answer until the caller leaves."""
        while (line := self.rfile.readline().decode().split()) and self.answer(line[1], self.headers()):
            pass

    def headers(self) -> dict[str, str]:
        """Read a head."""
        found = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            found[name.lower()] = value
        return found

    def answer(self, path: str, headers: dict[str, str]) -> bool:
        """Answer; return whether the connection stays open."""
        if path == "/early-close":
            self.wfile.write(EARLY)
            return False
        if path == "/early":
            self.wfile.write(EARLY)
        self.rfile.read(int(headers.get("content-length", "0")))
        if path in STREAMS:
            self.stream(STREAMS[path])
        elif path != "/early":
            self.wfile.write(SAYS.get(path, OK + b"Content-Length: 2\r\n\r\nok"))
        return True

    def stream(self, tenths: int) -> None:
        """Send an event each tenth of a second."""
        self.wfile.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(tenths):
            self.wfile.write(b"6\r\nhello\n\r\n")
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingTCPServer):
    """Takes many connections at once."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 128


Server((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Back).serve_forever()
