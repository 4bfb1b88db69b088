"""The adapter to toxiproxy-python: its requests go to a Unix socket, or to a port with the token of the run.

The client has no timeouts, keeps the address of the server in its class and ignores 5xx answers. Its checks of answers
and its exceptions are used; every request is ours, with a timeout, without proxies of the user.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from testbed.runtime.unix_sockets import connected, is_unix, path_of

Send = Callable[..., Any]
"""Sends a request (method, path, timeout, and keywords of `requests`), and returns the answer."""


def client(address: str) -> Send:
    """Return a function for requests to an address. Its imports take 0.1 s."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an old client and its dependencies
        import requests
        from requests.adapters import HTTPAdapter
        from toxiproxy.api import validate_response
    base, pools = ("http://localhost", _pools(path_of(address))) if is_unix(address) else (f"http://{address}", {})

    def send(method: str, path: str, timeout_s: float, **body: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False  # ignore HTTP_PROXY of the user
            if pools:
                session.mount("http://", adapter := HTTPAdapter())
                adapter.poolmanager.pool_classes_by_scheme = pools
            return validate_response(session.request(method, base + path, timeout=timeout_s, **body))

    return send


def authorization(token: Path | None) -> dict[str, str]:
    """Return the headers with the token of the run, which a Toxiproxy in a container writes at each start."""
    return {"Authorization": f"Bearer {token.read_text()}"} if token else {}


def _pools(path: str) -> dict[str, Any]:
    """Return the class of connection pools to one Unix socket, by scheme, for an adapter of `requests`."""
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    class Connection(HTTPConnection):
        def _new_conn(self) -> Any:
            return connected(path, cast(float, self.timeout))

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return {"http": Pool}
