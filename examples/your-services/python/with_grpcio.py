"""Asks stock with grpcio, without generated code."""

from __future__ import annotations

import json
import os

import grpc
from serving import serve

channel = grpc.insecure_channel(os.environ["STOCK_ADDR"])
ask = channel.unary_unary("/testbed.v1.Stub/Call")  # with generated code: StockStub(channel).Get


def answer(path: str, baggage: str) -> str:
    return ask(json.dumps({"path": path}).encode(), timeout=3, metadata=[("baggage", baggage)]).decode()


serve(answer, grpc.RpcError)
