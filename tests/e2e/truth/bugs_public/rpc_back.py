"""A gRPC server whose errors come after the head of an answer."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import grpc

NUMBER = itertools.count()


def call(message: bytes, context: grpc.ServicerContext) -> bytes:
    """Two of three calls fail."""
    if next(NUMBER) % 3:
        context.send_initial_metadata((("x-shop", "1"),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
    return b"ok"


handler = grpc.unary_unary_rpc_method_handler(call)
server = grpc.server(ThreadPoolExecutor(20))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Back", {"Call": handler}),))
server.add_insecure_port(f"{os.environ['ADDR'].partition(':')[0]}:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
