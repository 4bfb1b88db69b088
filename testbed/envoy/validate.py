"""Validates a configuration with Envoy, without running it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from testbed.runtime.owner import me
from testbed.runtime.tools import binaries

PATIENCE_S = 30.0


def rejection(config: str) -> str:
    """Return Envoy's error for a configuration (JSON text), "" if it is valid."""
    with tempfile.TemporaryDirectory(prefix=me().called("validate-")) as folder:
        path = Path(folder) / "envoy.json"
        path.write_text(re.sub(r"\{dir\}/[^\"]*/", f"{folder}/", config))
        command = [str(binaries.find("envoy")), "--mode", "validate", "-c", str(path), "--disable-hot-restart"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return "" if done.returncode == 0 else essence(done.stdout + done.stderr)


def essence(output: str) -> str:
    """Extract the reason from Envoy's message, which also quotes the whole configuration."""
    text = " ".join(output.split())
    for reason in (r"INVALID_ARGUMENT: (.*?)\): \{", r"Proto constraint validation failed \((.*)\)"):
        if found := re.search(reason, text):
            return found[1].rpartition("caused by ")[2]
    return text[-400:]
