"""The details of a selected client: its frames, its facts, and the state of its actor."""

from __future__ import annotations

import threading

from websockets.sync.client import connect as open_socket

from tests.net.wire import Wire
from tests.notebook.viewer import here
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.taps import TAPS


def test_a_selected_client_shows_its_frames_both_ways_and_its_state(view, server, connect):
    client = connect(server, "/echo")
    live = view()
    live.look()
    live.ask("select", row=live.order[0])
    client.send("hello")
    live.until(lambda: len(live.frames) == 2)
    assert [(f["dir"], f["kind"], f["body"]) for f in live.frames] == [
        ("in", "text", "hello"),
        ("out", "text", "you said: hello"),
    ]
    live.until(lambda: live.state and "'said': ['hello']" in live.state)
    live.until(lambda: live.facts[-1] == "actor handled 2, 0 waiting")


def test_frames_of_any_size_and_kind_are_shown_and_shortened(view, server, connect):
    connect(server, "/ws")
    live = view()
    live.look()
    live.ask("select", row=live.order[0])
    contents = ["a", "b" * 200, "c" * 70_000, b"\x00\xff", b"d" * 3_000, {"n": 1}]
    FX.Publish(target=ET.Topic("chat"), content=contents[0]) | run
    [FX.Publish(target=ET.Topic("chat"), content=content) for content in contents[1:]] | run
    live.until(lambda: len(live.frames) == 6)
    assert [(f["kind"], f["size"]) for f in live.frames] == [
        ("text", 1), ("text", 200), ("text", 70_000), ("binary", 2), ("binary", 3_000), ("text", 8)
    ]  # fmt: skip
    assert max(len(f["body"]) for f in live.frames) <= 4_000


def test_of_many_frames_the_last_ones_are_stored(view, server, connect):
    connect(server, "/ws")
    live = view()
    live.look()
    live.ask("select", row=live.order[0])
    for n in range(2_000):
        FX.Publish(target=ET.Topic("chat"), content=f"message {n}") | run
    live.until(lambda: live.frames and live.frames[-1]["body"] == "message 1999")
    assert len(live.frames) < 500
    numbers = [frame["n"] for frame in live.frames]
    assert numbers == sorted(set(numbers))


def test_frames_of_a_compressed_connection_are_readable(view, connect):
    topic = ET.Topic("zip")
    endpoint = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic], compression=True)
    server = FX.StartHTTPServer(routes={"/ws": endpoint}, port=0) | run
    client = connect(server, "/ws")
    live = view()
    live.look()
    live.ask("select", row=live.order[0])
    client.send("x" * 500)
    live.until(lambda: len(live.frames) == 2)
    assert {frame["body"] for frame in live.frames} == {"x" * 500}
    assert client.recv(timeout=20) == "x" * 500


def test_a_client_of_an_event_stream_has_facts_and_can_be_closed(view, until):
    topic = ET.Topic("events")
    server = FX.StartHTTPServer(routes={"/events": ET.EventStream(clients_subscribe_to=[topic])}, port=0) | run
    with Wire(server.port) as wire:
        wire.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.read_until(b"retry: ")
        live = view()
        live.look()
        live.ask("select", row=live.order[0])
        live.until(lambda: live.facts == ["event stream", "host localhost"])
        assert live.ask("act", action="close", row=live.order[0])["ok"]
        wire.read_end()
    until(lambda: FX.QueryAllConnectedWebsocketClients(http_server=server) | run == [])
    live.until(lambda: live.facts[0] == "event stream, ended")


def test_a_connection_is_unchanged_after_its_last_view(view, server, connect, until):
    client = connect(server, "/ws")
    first, second = view(), view()
    for live in (first, second):
        live.look()
        live.ask("select", row=live.order[0])
    assert len(TAPS) == 1
    first.ask("select", row=None)
    client.send("still looked at")
    second.until(lambda: len(second.frames) == 2)
    second.close()
    until(lambda: not TAPS)
    [connection] = here(lambda: [c for s in default_runtime().service(Servers) for c in s.clients()])
    assert type(connection) is Connection
    client.send("on its way")
    assert [client.recv(timeout=20) for _ in range(2)][-1] == "on its way"


def test_the_end_of_the_selected_client_is_sent(view, server, connect, until):
    client = connect(server, "/ws")
    live = view()
    live.look()
    live.ask("select", row=live.order[0])
    client.close(4001)
    live.until(lambda: live.open is False)
    assert "closed with 4001" in live.facts
    until(lambda: not TAPS)


def test_a_state_whose_repr_is_slow_or_raises_delays_no_update(view, until):
    may_end = threading.Event()

    class Slow:
        def __repr__(self):
            may_end.wait(20)
            raise ValueError("no repr")

    slow = Slow()
    rules = {(ET.WSClientConnected, object): lambda message, state: [[], slow]}
    endpoint = ET.WebSocket(actor=FX.StartActor(initial_state=None, rules=rules))
    server = FX.StartHTTPServer(routes={"/ws": endpoint}, port=0) | run
    socket = open_socket(f"ws://127.0.0.1:{server.port}/ws", legacy=True)
    live = view()
    live.look()
    live.ask("select", row=live.order[0])
    assert live.ask("window")["ok"]
    assert live.state != "its repr raises ValueError: no repr"
    may_end.set()
    live.until(lambda: live.state == "its repr raises ValueError: no repr")
    assert live.column("state") == ["<Slow>"]
    socket.close()
