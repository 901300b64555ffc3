"""Output of handlers in a real JupyterLab: under its cell, also after the page was reloaded."""

from __future__ import annotations

import time

from websockets.sync.client import connect

SERVER = """from zefnb import *
@zef_function
def hear(message, state):
    print("heard", message)
    if message == "bad": 1 / 0
    return [[], state]
actor = FX.StartActor(initial_state=0, rules={(String, Any): hear})
server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
server"""


def say(notebook, message, cell=2):
    notebook.run(cell)
    port = int(notebook.text(cell).strip().strip("'"))
    with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as client:
        client.send(message)


def under(notebook, cell):
    return notebook.page.locator(".jp-Cell").nth(cell).locator(".jp-Cell-outputWrapper").inner_text()


def soon(condition, within=30.0):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_output_of_handlers_stays_under_its_cell_across_a_reload(open_notebook):
    notebook = open_notebook([SERVER, "print('other')", "server.port"])
    for cell in (0, 1):
        notebook.run(cell)
    say(notebook, "one")
    soon(lambda: "heard one" in under(notebook, 0))
    say(notebook, "bad")
    soon(lambda: "ZeroDivisionError" in under(notebook, 0))
    for theme in ("Light", "Dark"):
        notebook.theme(theme)
        notebook.picture(f"output-{theme.lower()}")
    notebook.save()
    notebook.reload()
    soon(lambda: "heard one" in under(notebook, 0))
    say(notebook, "two")
    soon(lambda: "heard two" in under(notebook, 0))
    assert under(notebook, 1).strip() == "other"
    notebook.picture("output-reloaded")
    notebook.run(0)
    say(notebook, "three")
    soon(lambda: "heard three" in under(notebook, 0))
    assert "heard two" not in under(notebook, 0)


SHOWING = """
from zefnb import *
from IPython.display import HTML, display
import ipywidgets
out = ipywidgets.Output()
chat = ET.Topic('chat')

@zef_function
def show(message):
    display(HTML(f'<b class="shown">{message} displayed</b>'))
    with out:
        print(message, 'captured')

FX.SubscribeFX(topic=chat, op=show) | run
server = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_push_into_=[chat])}, port=0) | run
"""


def test_displays_of_handlers_are_under_their_cell_and_captures_in_their_widget(open_notebook):
    notebook = open_notebook([SHOWING, "display(out)", "server.port"])
    for cell in (0, 1):
        notebook.run(cell)
    say(notebook, "one")
    soon(lambda: "one displayed" in under(notebook, 0))
    soon(lambda: "one captured" in under(notebook, 1))
    assert "captured" not in under(notebook, 0)
    notebook.picture("output-displays")
    notebook.save()
    notebook.reload()
    soon(lambda: "one captured" in under(notebook, 1))
    say(notebook, "two")
    soon(lambda: "two displayed" in under(notebook, 0))
    soon(lambda: "two captured" in under(notebook, 1))
    assert notebook.errors == []
