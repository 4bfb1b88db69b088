"""A gRPC server: its error comes alone, or after the head of an answer; an answer of 5 MB."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import grpc

NUMBER = itertools.count()


def call(message: bytes, context: grpc.ServicerContext) -> bytes:
    """Answer as the message says; two of three calls of /head and /alone fail."""
    if message in (b"head", b"alone") and next(NUMBER) % 3:
        if message == b"head":
            context.send_initial_metadata((("x-shop", "1"),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
    return b"x" * 5_000_000 if message == b"big" else b"ok"


handler = grpc.unary_unary_rpc_method_handler(call)
server = grpc.server(ThreadPoolExecutor(20), options=[("grpc.max_send_message_length", -1)])
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Back", {"Call": handler}),))
server.add_insecure_port(f"{os.environ['ADDR'].partition(':')[0]}:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
