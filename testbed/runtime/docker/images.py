"""The base image, in which programs of this machine run: its name, and its build without a registry."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from testbed.errors import TestbedError, Unavailable
from testbed.runtime.docker.engine import Engine
from testbed.runtime.tools.inventory import program

VARIABLE = "TESTBED_IMAGE"
DEFAULT = "testbed-base"
PACKAGES = ("libstdc++6", "iproute2", "ca-certificates")  # for Node, for pods with several addresses, and for TLS
SUITE = "bookworm"  # if this machine is not Debian or Ubuntu; otherwise its release, for matching libraries
OnProgress = Callable[[str], None]


def base_image() -> str:
    """Return the name of the image, from the environment variable or the default."""
    return os.environ.get(VARIABLE) or DEFAULT


def check(engine: Engine, own: dict[str, str]) -> None:
    """Raise `Unavailable` if the base image or a custom image (image -> process) does not exist."""
    if not engine.has_image(base_image()):
        raise Unavailable(f"the Docker daemon has no image {base_image()!r}: run `testbed images build`")
    for image, process in own.items():
        if not engine.has_image(image):
            raise Unavailable(
                f"{process}: the Docker daemon has no image {image!r}. The testbed does not pull images: "
                f"run `docker pull {image}` or `docker build -t {image} ...` first"
            )


def build(say: OnProgress) -> None:
    """Build the base image from Debian packages, with progress. Raises `Unavailable` for a missing tool."""
    engine, name = Engine(timeout_s=300), base_image()
    mmdebstrap = program("mmdebstrap", f"building {name}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="testbed-image-") as folder:
        tar = Path(folder) / "base.tar"
        say(f"[1/2] {name}: Debian {suite()} with {', '.join(PACKAGES)} (about 40 s, once)")
        _bootstrap(mmdebstrap, tar, say)
        say(f"[2/2] {name}: importing {tar.stat().st_size / 1e6:.0f} MB into the Docker daemon")
        engine.import_image(tar, name)
    engine.close()
    say(f"{name} is ready after {time.monotonic() - begun:.0f} s")


def suite() -> str:
    """Return the Debian or Ubuntu release for the image."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return SUITE
    return release.get("VERSION_CODENAME", SUITE) if release.get("ID") in ("debian", "ubuntu") else SUITE


def _bootstrap(mmdebstrap: str, tar: Path, say: OnProgress) -> None:
    words = [mmdebstrap, "--variant=minbase", f"--include={','.join(PACKAGES)}", suite(), str(tar)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as made:
        assert made.stdout is not None
        last = [""]
        for line in map(str.strip, made.stdout):
            last = [*last[-4:], line] if line else last
            if line.startswith("I:") and not line.endswith("..."):
                say(f"      {line.removeprefix('I: ')}")
    if made.returncode:
        raise TestbedError(f"mmdebstrap failed (exit code {made.returncode}):\n" + "\n".join(last))
