"""Answers 200, whatever the size of the head; after an upgrade it shouts back five bytes."""

import os
import socketserver


class Back(socketserver.StreamRequestHandler):
    """One connection with one request after the other; it takes any upgrade."""

    def handle(self) -> None:
        """Answer until the caller leaves."""
        while head := self.head():
            upgrade = next((line[9:] for line in head if line.lower().startswith("upgrade: ")), "")
            if upgrade:
                self.say("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", f"Upgrade: {upgrade}")
                self.wfile.write(self.rfile.read(5).upper())
                return
            self.say("HTTP/1.1 200 OK", "Content-Length: 0")

    def head(self) -> list[str]:
        """Read the lines of one head."""
        lines = []
        while line := self.rfile.readline().decode().strip():
            lines.append(line)
        return lines

    def say(self, *lines: str) -> None:
        """Write the lines of one head."""
        self.wfile.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())


class Server(socketserver.ThreadingTCPServer):
    """Takes many connections at once."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 128


Server((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Back).serve_forever()
