"""A service on an etcd and on a server of files: grpcio without generated code, and urllib; what fails is 503."""

from __future__ import annotations

import os
import urllib.error
import urllib.request

import grpc
from serving import serve

READ = "/etcdserverpb.KV/Range"
KEY = b"\n\x05stock"  # a RangeRequest: field 1, the key, five bytes
channel = grpc.insecure_channel(os.environ["STOCK_ADDR"], [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)])
read = channel.unary_unary(READ)
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answer(path: str, baggage: str) -> str:
    read(KEY, timeout=2, metadata=(("baggage", baggage),))
    asked = urllib.request.Request(f"{os.environ['FILES_URL']}/index.html", headers={"baggage": baggage})
    return direct.open(asked, timeout=2).read().decode()


serve(answer, grpc.RpcError, OSError, urllib.error.URLError)
