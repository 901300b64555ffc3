"""Long messages: they reuse memory, and their publishers do not run ahead of the clients."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.spec.sessions import environment
from zefnb import ET, FX, run

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


@pytest.mark.parametrize("kind", [str, str.encode, lambda text: {"picture": [text]}], ids=["text", "bytes", "nested"])
def test_a_client_that_reads_is_kept_while_long_messages_are_published_in_a_tight_loop(
    serve: Any, topic: Any, connect: Any, kind: Any
):
    """A publisher waits for the loop, so that no more is accepted than the client may be behind."""
    server, count = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}), 60
    client = connect(server, max_size=None, compression=None)
    content = kind("x" * (1 << 20))
    publisher = threading.Thread(target=lambda: [FX.Publish(target=topic, content=content) | run for _ in range(count)])
    publisher.start()
    sizes = [len(client.recv(timeout=60)) for _ in range(count)]
    publisher.join(60)
    assert min(sizes) >= 1 << 20
    assert len(sizes) == count
