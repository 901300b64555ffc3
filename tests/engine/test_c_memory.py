"""The memory of the C library: threads share its arenas."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.spec.sessions import environment

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")

# Forty handlers allocate memory at the same time. `malloc_info` then lists the arenas.
ARENAS = """
import ctypes, sys, threading
from zefnb import *
inside = threading.Barrier(40)
kept = []

def handler(msg, state):
    kept.append(bytes(100_000))
    inside.wait(60)
    return [[], state]

for _ in range(40):
    actor = FX.StartActor(initial_state=0, handler=handler) | run
    FX.Publish(target=actor.input, content=1) | run
while len(kept) < 40:
    threading.Event().wait(0.01)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(tmp_path, **extra):
    listed = tmp_path / "arenas.xml"
    kept = {name: text for name, text in environment().items() if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")}
    subprocess.run([sys.executable, "-c", ARENAS, str(listed)], env={**kept, **extra}, timeout=100, check=True)
    return listed.read_text().count("<heap nr=")


def test_handler_threads_share_the_arenas_of_the_c_library(tmp_path):
    assert 1 <= arenas(tmp_path) <= (os.cpu_count() or 1) + 1


def test_a_number_of_arenas_that_the_user_has_set_is_left_alone(tmp_path):
    assert arenas(tmp_path, MALLOC_ARENA_MAX="7") == 7
