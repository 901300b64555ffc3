"""The session of a picture: the messages to a view, its selection, and its end."""

from __future__ import annotations

import json
import time

import pytest

from tests.notebook.viewer import here
from zefnb import ET, FX, Any, DictDatabase, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.websocket.taps import TAPS
from zefnb.notebook.picture.feed import PictureFeed
from zefnb.notebook.picture.session import PictureSession
from zefnb.topics.hub import Hub

CHAT = ET.Topic("chat")


class View:
    """A view that stores the picture as the page does."""

    def __init__(self):
        self.nodes, self.edges, self.texts, self.row, self.done = [], [], {}, {}, []
        self.messages = []
        # The feed is shared by all views, and may have the diagram of an earlier test.
        default_runtime().service(PictureFeed)._made_at = float("-inf")
        self.session = here(lambda: PictureSession(default_runtime(), self._receive))

    def _receive(self, text):
        message = json.loads(text)
        self.messages.append(message)
        if message["t"] == "picture":
            self.nodes = message.get("nodes", self.nodes)
            self.edges = message.get("edges", self.edges)
            self.texts |= message.get("texts", {})
        elif message["t"] == "row":
            self.row |= message
        else:
            self.done.append(message)

    def ask(self, do, **fields):
        here(lambda: self.session.handle(json.dumps({"do": do, "id": len(self.messages), **fields})))

    def push(self):
        return here(lambda: self.session.push({}))

    def id_of(self, name):
        [found] = [node[0] for node in self.nodes if node[2] == name]
        return found

    def select(self, name, **fields):
        self.row = {}
        self.ask("select", row=self.id_of(name), **fields)

    def see(self, until, name):
        """Wait for a box with this name. Databases of other tests have boxes, too."""
        self.pushed_until(until, lambda: any(node[2] == name for node in self.nodes))

    def pushed_until(self, until, condition):
        until(lambda: (self.push(), condition())[1])


@pytest.fixture
def view(clean):
    view = View()
    view.ask("look")
    yield view
    here(view.session.close)


def echo(message, state):
    return [[], {"last": message}]


def test_the_picture_is_complete_and_then_only_its_changes_are_sent(view, until):
    FX.StartActor(initial_state=0, input=[CHAT], handler=echo) | run
    view.see(until, "echo")
    FX.Publish(target=CHAT, content="x") | run
    view.messages.clear()
    view.pushed_until(until, lambda: "1 handled" in view.texts[view.id_of("echo")][0])
    assert all("nodes" not in message and "edges" not in message for message in view.messages)


def test_there_are_two_updates_a_second_at_most(view, until):
    FX.StartActor(initial_state=0, input=[CHAT], handler=echo) | run
    view.see(until, "echo")
    view.messages.clear()
    began = time.monotonic()
    while len(view.messages) < 3:
        FX.Publish(target=CHAT, content="x") | run
        view.push()
    assert time.monotonic() - began > 0.9


def test_a_lost_message_is_followed_by_the_whole_picture(view, until):
    FX.StartActor(initial_state=0, input=[CHAT], handler=echo) | run
    view.see(until, "echo")
    view.messages.clear()
    view.ask("resend")
    assert view.messages[0]["seq"] == 0
    assert len(view.messages[0]["nodes"]) == len(view.messages[0]["texts"]) == len(view.nodes)


def test_a_paused_view_wants_no_ticks(view):
    assert view.session.wants_ticks
    view.ask("pause", paused=True)
    assert not view.session.wants_ticks
    view.ask("pause", paused=False)
    assert view.session.wants_ticks


def test_a_selected_actor_has_its_state_and_can_be_stopped(view, until):
    FX.StartActor(initial_state=0, input=[CHAT], handler=echo) | run
    view.see(until, "echo")
    view.select("echo")
    assert view.row["title"] == "actor echo"
    assert [action["name"] for action in view.row["spec"]["actions"]] == ["stop"]
    FX.Publish(target=CHAT, content="hello") | run
    view.pushed_until(until, lambda: view.row.get("state") == "{'last': 'hello'}")
    view.ask("act", row=view.id_of("echo"), action="stop")
    assert view.done[-1]["ok"]
    view.pushed_until(until, lambda: view.row.get("open") is False)


def test_a_selected_topic_has_its_messages_until_it_is_unselected(view, until):
    FX.StartActor(initial_state=0, input=[CHAT], handler=echo) | run
    view.see(until, "echo")
    view.select("chat")
    FX.Publish(target=CHAT, content="hello") | run
    view.pushed_until(until, lambda: view.row.get("frames"))
    assert view.row["frames"][0]["body"] == "hello"
    view.ask("select", row=None)
    assert len(here(lambda: default_runtime().service(Hub).subscribers(CHAT))) == 1


def test_a_topic_without_subscribers_has_its_messages_too(view, until):
    FX.StartTimer(interval=0.05, target=ET.Topic("tick"), content="now") | run
    view.see(until, "tick")
    view.select("tick")
    view.pushed_until(until, lambda: view.row.get("frames"))
    view.pushed_until(until, lambda: "no subscribers" in view.texts[view.id_of("tick")][0])


def test_a_selected_route_lists_its_clients_and_one_of_them_has_frames(view, connect, until):
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_push_into_=[CHAT])}, port=0) | run
    clients = [connect(server, "/ws") for _ in range(3)]
    view.pushed_until(until, lambda: any("path · 3 clients" in texts[0] for texts in view.texts.values()))
    view.select("/ws")
    assert [channel for channel, _ in view.row["members"]["clients"]] == [0, 1, 2]
    view.select("/ws", client=1)
    clients[1].send("hello")
    view.pushed_until(until, lambda: view.row.get("frames"))
    assert view.row["frames"][0]["body"] == "hello"
    assert len(TAPS) == 1
    view.ask("select", row=None)
    assert not TAPS
    view.select("/ws", client=99)
    assert "not connected" in view.done[-1]["text"]


def test_a_selected_database_shows_its_first_keys(view, until):
    db = FX.CreateDB(type=DictDatabase, initial_state={n: n * n for n in range(60)}) | run
    view.pushed_until(until, lambda: any(db._uid in node[0] for node in view.nodes))
    view.row = {}
    view.ask("select", row=f"database:{db._uid}")
    view.pushed_until(until, lambda: "49: 2401" in (view.row.get("state") or ""))
    assert "50: 2500" not in view.row["state"]
    assert "10 more keys are not shown" in view.row["facts"]
    db[0] = "changed"
    view.pushed_until(until, lambda: "0: 'changed'" in view.row["state"])


def test_a_selected_box_has_its_errors_with_tracebacks(view, until):
    def breaks(message, state):
        raise ValueError(f"no {message}")

    FX.StartActor(initial_state=0, input=[CHAT], handler=breaks) | run
    for _ in range(3):
        FX.Publish(target=CHAT, content="x") | run
    view.pushed_until(until, lambda: any(texts[1] == "3 errors" for texts in view.texts.values()))
    [name] = [node[2] for node in view.nodes if node[1] == "actor"]
    view.select(name)
    [error] = view.row["errors"]
    assert "no x" in error["text"]
    assert "raise ValueError" in error["traceback"]
    assert error["count"] == 3


def test_an_invalid_request_is_an_error_of_its_sender(view):
    view.ask("select", row="nothing")
    assert not view.done[-1]["ok"]
    view.ask("act", row="nothing", action="stop")
    assert not view.done[-1]["ok"]
    view.ask("dance")
    assert "allowed: look" in view.done[-1]["text"]


def test_after_the_last_view_no_effects_are_observed(clean):
    view = View()
    assert default_runtime().monitors
    here(view.session.close)
    assert default_runtime().monitors == ()


def test_five_thousand_connections_are_one_box(view, monkeypatch, until):
    # The connections of the model: a real test with hundreds of sockets is among those with a browser.
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_push_into_=[CHAT])}, port=0) | run
    from zefnb.net.http.servers import Servers

    running = here(lambda: default_runtime().service(Servers).get(server))
    place = f"path:{running.place}:WS:/ws"
    endpoint = running.endpoints["/ws"]

    class Client:
        received, sent, queued, session, actor, visitor = 2, 1, 100, None, None, None
        client_ip = "127.0.0.1"

        def __init__(self, number):
            self.channel_id, self.endpoint = number, endpoint

    clients = [Client(number) for number in range(5_000)]
    monkeypatch.setattr(running, "clients", lambda: clients)
    view.pushed_until(until, lambda: "5,000 clients" in view.texts.get(place, ("",))[0])
    assert [node[2] for node in view.nodes if node[1] == "path"] == ["/ws"]
    assert "488.3 KiB queued" in view.texts[view.id_of("/ws")][0]


def test_any_state_of_an_actor_is_text(view, until):
    FX.StartActor(initial_state=float("nan"), input=[CHAT], rules={(Any, Any): echo}) | run
    view.see(until, "echo")
    view.select("echo")
    view.pushed_until(until, lambda: view.row.get("state") == "nan")
