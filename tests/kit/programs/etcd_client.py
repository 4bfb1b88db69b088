"""A service on an etcd and on a server of files: grpcio without generated code, and urllib; what fails is 503.

Only a request of /quick is given up after half a second, which a busy machine may take for an answer.
"""

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
    patience_s = 0.5 if path == "/quick" else 30
    read(KEY, timeout=patience_s, metadata=(("baggage", baggage),))
    asked = urllib.request.Request(f"{os.environ['FILES_URL']}/index.html", headers={"baggage": baggage})
    return direct.open(asked, timeout=patience_s).read().decode()


serve(answer, grpc.RpcError, OSError, urllib.error.URLError)
