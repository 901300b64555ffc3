"""A notebook that shows the table of a server, and clients of the server."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

PRELUDE = """
from zefnb import *
from zefnb.notebook.watch.watch import watch
import time

chat = ET.Topic('chat')

@zef_function
def on_connect(input):
    msg, state = input[0], input[1]
    return [[FX.Publish(target=msg.topic_out, content='welcome!')], ET.Guest(name='Ada', out=msg.topic_out)]

@zef_function
def on_message(input):
    msg, state = input[0], input[1]
    return [[FX.Publish(target=state.out, content={'you said': msg})], ET.Guest(name='Ada', out=state.out, last=msg)]

server = FX.StartHTTPServer(
    routes={
        '/ws': ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
        '/echo': ET.WebSocket(actor=FX.StartActor(initial_state=ET.New(), rules={
            (ET.WSClientConnected, Any): on_connect,
            (String, Any): on_message,
        })),
    },
    port=0,
) | run
print(server.port)
"""


@pytest.fixture
def started(open_notebook):
    """`started(*cells)`: a notebook whose first cell has started a server, whose second shows the table."""

    def start(*cells, show="watch(server)"):
        notebook = open_notebook([PRELUDE, show, *cells])
        notebook.run(0)
        notebook.server_port = int(notebook.text(0))
        notebook.run(1)
        notebook.page.locator(".zw-light.zw-live").wait_for()
        return notebook

    return start


@pytest.fixture
def client_of():
    """`client_of(notebook, '/ws')`: a real client, outside of the kernel."""
    clients = []

    def open_(notebook, path="/ws", **options):
        url = f"ws://127.0.0.1:{notebook.server_port}{path}"
        clients.append(connect(url, legacy=True, close_timeout=0.1, **options))
        return clients[-1]

    yield open_
    for client in clients:
        client.close()
