"""Long messages: the next one reuses the memory of the previous one, without new pages from the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.spec.sessions import environment

PROGRAM = """
import resource
from tests.net.wire import Wire, frame
from zefnb import *

topic = ET.Topic("long")
routes = {"/ws": ET.WebSocket(clients_push_into_=topic, clients_subscribe_to=[topic])}
wire = Wire((FX.StartHTTPServer(port=0, routes=routes) | run).port).open()
said, room = frame("x" * 1_000_000), memoryview(bytearray(10 + 1_000_000))

def page_faults(messages):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(messages):
        wire.send(said)
        heard = 0
        while heard < len(room):
            heard += wire.socket.recv_into(room[heard:])
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / messages

page_faults(10)
print(page_faults(30))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="LEFT OUT: only glibc hands memory back so eagerly")
def test_a_long_message_reuses_the_memory_of_the_previous_one():
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    # A message has 245 pages, of which the server makes three or four copies.
    assert float(told.stdout) < 100
