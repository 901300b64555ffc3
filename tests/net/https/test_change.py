"""A certificate changes while 100 sockets chat over TLS, on both event loops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.spec.sessions import environment

SCRIPT = """
import asyncio, ssl, sys
from websockets.asyncio.client import connect
from zefnb import *
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers

CLIENTS, MESSAGES = 100, 40
rules = {
    (ET.WSClientConnected, Any): lambda msg, state: [[], msg.topic_out],
    (String, Any): lambda text, out: [[FX.Publish(target=out, content=text)], out],
    (ET.WSClientDisconnected, Any): lambda msg, state: [[], state],
}
route = ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))
server = FX.StartHTTPServer(routes={'/ws': route}, port=0, certificates='local') | run
runtime = default_runtime()
certificates = runtime.service(Servers).get(server).certificates
trusting = ssl.create_default_context(cafile=server.root_certificate)

def renew():
    return asyncio.run_coroutine_threadsafe(certificates._renew(), runtime.loop).result(30)

def serial():
    return ssl.get_server_certificate(('127.0.0.1', server.port))

async def chat(number, begun, may_send):
    url = f'wss://localhost:{server.port}/ws'
    async with connect(url, ssl=trusting, proxy=None, open_timeout=60) as client:
        begun.append(number)
        await may_send.wait()
        for n in range(MESSAGES):
            text = f'{number} {n} ' + 'x' * (n * 500)
            await client.send(text)
            assert await client.recv() == text

async def main():
    begun, changes, seen, may_send = [], 0, {serial()}, asyncio.Event()
    chats = [asyncio.ensure_future(chat(number, begun, may_send)) for number in range(CLIENTS)]
    while len(begun) < CLIENTS and not any(one.done() for one in chats):
        await asyncio.sleep(0.01)
    may_send.set()
    while not all(one.done() for one in chats):
        await asyncio.to_thread(renew)
        seen.add(await asyncio.to_thread(serial))
        changes += 1
    await asyncio.gather(*chats)
    assert len(seen) == changes + 1, (len(seen), changes)
    print(type(runtime.loop).__module__, changes)
    assert changes >= 2

asyncio.run(main())
assert not FX.QueryLog(level='warning') | run, FX.QueryLog(level='warning') | run
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_no_message_is_lost_when_the_certificate_changes_under_100_sockets(loop: str, tmp_path: Path):
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment(ZEFNB_LOOP=loop, ZEFNB_DATA_DIR=str(tmp_path / "data")),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"asyncio": "iteration_loop", "uvloop": "uv_loop"}[loop] in done.stdout
