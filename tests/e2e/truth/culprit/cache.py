"""A store over TCP: one byte back for each byte."""

import os
import socketserver


class Store(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server((os.environ["ADDR"], int(os.environ["PORT"])), Store).serve_forever()
