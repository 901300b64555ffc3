"""The blocks of the chapter on clusters that zefnb has, in a script, in IPython and in a Jupyter kernel.

The chapter lies beside the clone, in `../shared/spec/cluster.md`, and is not part of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.tls_broker import TLSBroker
from tests.conftest import wait_until
from tests.spec import sessions
from zefnb.cluster.private_broker import _is_locked

CHAPTER = sessions.ROOT.parent / "shared" / "spec" / "cluster.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", CHAPTER.read_text(), re.S | re.M) if CHAPTER.exists() else []

# The other process, which all sessions talk to: the chapter's first block, and then this.
OTHER = """
FX.SubscribeFX(topic=ET.Topic('handles'), op=lambda db: FX.Publish(target=ET.Topic('values'), content=dict(db))) | run
print(server.port, flush=True)
import sys
sys.stdin.readline()
"""
CONVERSATION = """
import os, time
from websockets.sync.client import connect
near, far = (connect(f'ws://127.0.0.1:{port}/ws') for port in (server.port, os.environ['OTHER_PORT']))
near.send('from here')
assert near.recv(timeout=20) == far.recv(timeout=20) == 'from here'
far.send('from there')
assert near.recv(timeout=20) == far.recv(timeout=20) == 'from there'
while len(FX.QueryCluster() | run) != 2:  # the session before may have ended without removing its row in time
    time.sleep(0.1)
assert len({row['node'] for row in FX.QueryClusterClients(path='/ws') | run}) == 2
"""
DATABASE = """
import queue
assert db['ada'] >= 1
values = queue.Queue()
FX.SubscribeFX(topic=ET.Topic('values'), op=lambda value: values.put(value)) | run
FX.Publish(target=ET.Topic('handles'), content=db) | run
assert values.get(timeout=20) == dict(db)
"""
PRESENCE = """
seen = queue.Queue()
FX.SubscribeFX(topic=who, op=lambda event: seen.put(type(event).__name__)) | run
rooms = FX.StartHTTPServer(routes=routes, port=0) | run
with connect(f'ws://127.0.0.1:{rooms.port}/ws') as guest:
    guest.send('good evening')
    assert guest.recv(timeout=20) == 'good evening'
    assert [client['path'] for client in FX.QueryPresence(topic=who) | run] == ['/ws']
assert [seen.get(timeout=20) for _ in range(2)] == ['ClientJoined', 'ClientLeft']
FX.StopHTTPServer(server=rooms) | run
"""
END = """
near.close(), far.close()
FX.StopHTTPServer(server=server) | run
print('and it holds')
"""


def block(beginning: str) -> str:
    return next(block for block in BLOCKS if beginning in block)


@pytest.fixture(scope="module")
def other() -> Iterator[dict[str, str]]:
    """The environment of a session: that of another process, which has run the first block."""
    directory = tempfile.mkdtemp(prefix="zx-")  # the path of a Unix socket is short
    code, pipe = block("FX.JoinCluster() | run") + OTHER, subprocess.PIPE
    environment = sessions.environment(XDG_RUNTIME_DIR=directory)
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    port = next(line for line in process.stdout if line.strip().isdigit()).strip()
    yield {"XDG_RUNTIME_DIR": directory, "OTHER_PORT": port}
    process.communicate("\n", timeout=60)
    wait_until(lambda: not _is_locked(Path(directory) / f"zefnb-{os.getuid()}" / "zefnb" / "keeper.lock"))
    shutil.rmtree(directory)


@pytest.mark.skipif(not BLOCKS, reason="the chapter is not beside the clone")
@pytest.mark.parametrize("kind", sessions.EACH_KIND)
def test_two_processes_share_a_room_a_database_and_presence(kind, tmp_path, other):
    cells = [block("FX.JoinCluster() | run"), CONVERSATION]
    cells += [block("persistence='cluster'"), DATABASE, block("FX.QueryPresence"), PRESENCE]
    cells += [block("FX.QueryCluster()"), END]
    printed = sessions.KINDS[kind](cells, tmp_path, **other)
    assert "and it holds" in printed


LEADING = """
import os, socket
from zefnb import *
real = socket.getaddrinfo
def to_this_machine(host, port, *rest, **how):
    host, port = ('127.0.0.1', os.environ['TLS_PORT']) if host == 'redis.example.com' else (host, port)
    return real(host, port, *rest, **how)
socket.getaddrinfo = to_this_machine
"""
SECURED = """
assert [row['pid'] for row in FX.QueryCluster() | run] == [os.getpid()]
FX.Publish(target=ET.Topic('room'), content='through TLS') | run
assert 'secret' not in repr(FX.QueryLog(level='debug', limit=1000) | run)
FX.LeaveCluster() | run
print('and it holds')
"""


@pytest.mark.skipif(not BLOCKS, reason="the chapter is not beside the clone")
def test_a_process_joins_a_broker_with_tls_and_a_password(tmp_path):
    broker = TLSBroker("valkey", tmp_path)
    try:
        env = {"TLS_PORT": str(broker.port), "SSL_CERT_FILE": str(broker.authority), "ZEFNB_LOOP": "asyncio"}
        printed = sessions.run_script([LEADING, block("rediss://"), SECURED], tmp_path, **env)
    finally:
        broker.close()
    assert "and it holds" in printed
    assert "secret" not in printed
