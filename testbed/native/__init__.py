"""One small service written three times (Node, Go, Python), driven by a behaviour description.

All three pass the same suite, `tests/stubs`. What they do and what they are given stands in `README.md` here.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from testbed.errors import TopologyError, nearest

GO = Path(__file__).parent / "go"  # one module: the stub, the load driver, the relay
LANGUAGES = ("node", "go", "python")


def stub_path(language: str) -> Path:
    """Return the folder with the stub's source: `main.mjs` (node), `main.go` (go) or `main.py` (python).

    Raises `TopologyError` for a language that has no stub.
    """
    if language not in LANGUAGES:
        raise TopologyError(f"no stub is written in {language!r}{nearest(language, LANGUAGES)}")
    return GO / "cmd/stub" if language == "go" else Path(__file__).parent / language


def packages_path() -> Path | None:
    """Return the folder of packages in which grpcio is, which a Python stub needs for gRPC; None if it is nowhere."""
    spec = find_spec("grpc")
    return Path(spec.origin).parents[1] if spec and spec.origin else None
