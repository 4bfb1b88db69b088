"""A gRPC service that nobody here would write: grpcio, one method, messages as plain bytes.

A message that is the name of a status is answered with it; any other comes back, with the user of the call's baggage.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import grpc


def get(message: bytes, context: grpc.ServicerContext) -> bytes:
    told = dict(context.invocation_metadata())
    if code := getattr(grpc.StatusCode, message.decode(errors="replace"), None):
        context.abort(code, "as asked")
    return message + b" for " + told.get("baggage", "nobody").encode()


server = grpc.server(ThreadPoolExecutor(16), options=(("grpc.so_reuseport", 0),))
methods = {"Get": grpc.unary_unary_rpc_method_handler(get)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.v1.Stock", methods),))
server.add_insecure_port(f"{os.environ['ADDR']}:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
