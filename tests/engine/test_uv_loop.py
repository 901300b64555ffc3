"""uvloop's loop, where it is installed: used unless it is declined, and good for all of the hot path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvloop", reason="the tests of zefnb[speed] need uvloop, which has no package for this platform")

ROOT = Path(__file__).resolve().parents[2]
# From the handshake to the last byte: the hub, actors, connections, endpoints, servers.
HOT_PATH = (
    "tests/topics",
    "tests/engine/actor",
    "tests/net/http/test_handshake.py",
    "tests/net/websocket/test_endpoint.py",
    "tests/net/http/test_server.py",
    "tests/net/http/test_tls.py",
    "tests/engine/test_call_queue.py",
)


def run(*command: str, loop: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ZEFNB_LOOP": loop}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500
    )


@pytest.mark.parametrize(
    ("loop", "used"), [("", "UvIterationLoop"), ("uvloop", "UvIterationLoop"), ("asyncio", "SelectorIterationLoop")]
)
def test_uvloop_is_used_where_it_is_installed_and_can_be_declined(loop: str, used: str):
    program = "from zefnb.engine.runtime import default_runtime; print(type(default_runtime().loop).__name__)"
    assert run("-c", program, loop=loop).stdout.strip() == used


@pytest.mark.timeout(520)
def test_the_hot_path_works_on_it():
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *HOT_PATH, loop="uvloop")
    assert done.returncode == 0, done.stdout[-5_000:]
