"""All displays of a notebook, on one page of a real JupyterLab, in light and dark."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nbconvert import HTMLExporter
from websockets.sync.client import connect

from tests.browser.lab import OUTPUT, Notebook
from tests.browser.test_tutorials import soon

_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()

SERVER = """
from zefnb import *
%load_ext zefnb
room, heard, said = ET.Topic('room'), ET.Topic('heard'), ET.Topic('said')

@zef_function
def on_connect(msg, state):
    return [[FX.Publish(target=msg.topic_out, content='welcome')], ET.Guest(name='<b>Ada</b>', out=msg.topic_out)]

@zef_function
def on_text(text, state):
    if text == 'bad': 1 / 0
    return [[], state]

rules = {(ET.WSClientConnected, Any): on_connect, (String, Any): on_text, (Any, Any): lambda msg, state: [[], state]}
server = FX.StartHTTPServer(
    routes={
        '/': ET.HTML(content='<h1>hello</h1>'),
        ('POST', '/login'): lambda request: 'welcome',
        '/ws': ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room]),
        '/echo': ET.WebSocket(actor=FX.StartActor(initial_state=ET.New(), rules=rules)),
    },
    port=0,
    logging=True,
) | run
print(server.port)
"""
OTHERS = """
actor = FX.StartActor(initial_state=ET.Counter(n=0), handler=lambda msg, state: [[], state]) | run
timer = FX.StartTimer(interval=5, target=ET.Topic('ticks'), content='tick') | run
subscription = (FX.SubscribeFX(topic=room, op=lambda message: None) | run).subscription
outward = FX.StartWebSocketClient(
    url=f'ws://localhost:{server.port}/ws', in_stream_into=[heard], out_stream_from=[said]) | run
db = FX.CreateDB(type=DictDatabase, initial_state={'tea': 3, 'coffee': 1}) | run
FX.Log(content='the kettle is <b>hot</b>', level='warning') | run
"""


class Shown(NamedTuple):
    """The display of a cell, and the words that show that it has appeared."""

    source: str
    words: tuple[str, ...]


HANDLES = [
    Shown("server", ("Server", "running", "5 clients", "/echo", "POST")),
    Shown("actor", ("Actor", "running", "Counter")),
    Shown("timer", ("Timer", "every 5", "ticks")),
    Shown("subscription", ("Subscription", "room")),
    Shown("outward", ("Outward client", "connected", "/ws")),
    Shown("db", ("Database", "2 keys")),
    Shown("stopped = FX.StartTimer(interval=9, target=room, content='') | run\n"
          "FX.StopTimer(timer=stopped) | run\nstopped", ("Timer", "not running")),
]  # fmt: skip
ANSWERS = [
    Shown("FX.QueryAllActiveHTTPServers() | run", ("HTTPServer", "port", "version")),
    Shown("FX.QueryAllWebsocketEndpoints(http_server=server) | run", ("/ws", "/echo", "actor")),
    Shown("FX.QueryAllConnectedWebsocketClients(http_server=server) | run", ("127.0.0.1", "http://localhost:3000")),
    Shown("FX.StreamGraphSnapshot() | run", ("kind", "websocket", "subscription")),
    Shown("FX.QueryLog(limit=8) | run", ("warning", "the kettle is <b>hot</b>", "error")),
    Shown("FX.QueryActorState(actor=actor) | run", ("Counter",)),
]
MAGICS = [
    Shown("%zef", ("zefnb", "endpoints", "databases", "1 fault")),
    Shown("%zef clients /echo", ("/echo", "127.0.0.1")),
    Shown("%zef topics", ("room", "published")),
    Shown("%zef actors", ("state", "Counter")),
    Shown("%zef log -n 4", ("the kettle",)),
    Shown("%zef faults", ("on_text",)),
    Shown("%zef url /ws", ("ws://localhost:",)),
    Shown("%zef start /more --topic more --port 0", ("Server", "running", "/more")),
    Shown("%%zef page /page --server server\n<h1>hello</h1>", ("http://localhost:", "/page")),
    Shown("%zef stop nobody", ("zef stop: ",)),
    Shown("%zef doctor", ("python", "Links are made by")),
]
WIDGETS = [
    Shown("%zef tail room", ("room", "messages")),
    Shown("%zef client /ws --server server", ("connected", "/ws")),
    Shown("%zef watch server/ws", ("/ws", "127.0.0.1")),
]


class Gallery:
    """The notebook with all of them, in which they are found by their number."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook, self.page = notebook, notebook.page

    def output(self, number: int) -> Any:
        return self.page.locator(".jp-Cell").nth(number).locator(".jp-Cell-outputWrapper")

    def missing(self, number: int, one: Shown) -> list[str]:
        """Return the words that a cell should show, and does not."""
        output, deadline = self.output(number), time.monotonic() + 20
        while words := [word for word in one.words if word not in output.inner_text()]:
            if time.monotonic() > deadline:
                return [f"{one.source} shows no {words}: {output.inner_text()}"]
            time.sleep(0.1)
        return []

    def picture(self, name: str, first: int, last: int) -> None:
        """The cells from `first` to `last`, as they are seen."""
        boxes = [self.page.locator(".jp-Cell").nth(number).bounding_box() for number in (first, last)]
        top, bottom = boxes[0]["y"], boxes[1]["y"] + boxes[1]["height"]
        clip = {"x": boxes[0]["x"], "y": top, "width": boxes[0]["width"], "height": bottom - top}
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=str(OUTPUT / f"{name}.png"), clip=clip)


@pytest.fixture
def clients() -> Iterator[Any]:
    with ExitStack() as stack:

        def come(port: int) -> list[Any]:
            paths = ("/ws", "/ws", "/echo", "/echo")
            options = {"proxy": None, "origin": "http://localhost:3000", "close_timeout": 1}
            return [stack.enter_context(connect(f"ws://127.0.0.1:{port}{path}", **options)) for path in paths]

        yield come


def test_every_display_is_readable_in_light_and_dark(open_notebook, clients):
    groups = {"handles": HANDLES, "answers": ANSWERS, "magics": MAGICS, "widgets": WIDGETS}
    shown = [one for group in groups.values() for one in group]
    notebook = open_notebook([SERVER, OTHERS, *(one.source for one in shown)])
    # As tall as the whole of it, since cells out of sight are not drawn.
    notebook.page.set_viewport_size({"width": 1200, "height": 7000})
    gallery = Gallery(notebook)
    notebook.run(0)
    ada, bob, _, dan = clients(int(notebook.text(0)))
    dan.send("bad")
    notebook.run(1)
    for number, _ in enumerate(shown, 2):
        notebook.run(number)
    ada.send("hello, <i>everybody</i>")
    bob.send('{"tea": [1, 2, 3]}')
    soon(lambda: "<i>everybody</i>" in gallery.output(2 + shown.index(WIDGETS[0])).inner_text())
    assert [line for number, one in enumerate(shown, 2) for line in gallery.missing(number, one)] == []
    gallery.output(2 + shown.index(MAGICS[5])).locator("summary").first.click()

    for theme in ("Light", "Dark"):
        notebook.theme(theme)
        time.sleep(0.6)  # colours fade over
        first = 2
        for name, group in groups.items():
            gallery.picture(f"displays-{name}-{theme.lower()}", first, first + len(group) - 1)
            first += len(group)
        faint = notebook.page.evaluate(_CONTRAST, ".jp-OutputArea-output")
        assert not faint, "\n".join(faint)
    assert notebook.errors == []


def test_saved_output_is_readable_without_a_kernel(open_notebook, clients, tmp_path):
    widgets = [Shown("%zef watch server", ("/echo", "127.0.0.1")), Shown("%zef clients", ("http://localhost:3000",))]
    widgets += [Shown("%zef tail room", ("0 messages",)), Shown("%zef client /ws", ("a chat client of ws://",))]
    shown = [HANDLES[0], *widgets]
    notebook = open_notebook([SERVER, *(one.source for one in shown)])
    notebook.run(0)
    clients(int(notebook.text(0)))
    for number, _ in enumerate(shown, 1):
        notebook.run(number)
    path = tmp_path / "saved.ipynb"
    path.write_text(json.dumps(notebook.save()))

    for theme in ("light", "dark"):
        page, _ = HTMLExporter(theme=theme).from_filename(str(path))
        (tmp_path / "saved.html").write_text(page)
        reader = notebook.page.context.new_page()
        reader.goto((tmp_path / "saved.html").as_uri())
        reader.locator("table").first.wait_for()
        text = reader.locator("body").inner_text()
        assert [word for one in widgets for word in one.words if word not in text] == []
        reader.screenshot(path=str(OUTPUT / f"displays-saved-{theme}.png"), full_page=True)
        faint = reader.evaluate(_CONTRAST, ".jp-OutputArea-output")
        assert not faint, "\n".join(faint)
