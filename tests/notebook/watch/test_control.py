"""The control channel accepts views with the secret, replies to their requests, and is idle without views."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from tests.notebook.viewer import answer_to, here, place_of
from zefnb import ET, FX, run
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.taps import TAPS
from zefnb.notebook.watch import control as control_module
from zefnb.topics.hub import Hub


def raw(control, **options):
    return greeted(control, **options)[0]


def greeted(control, **options):
    """A socket, and the nonce by which it is greeted."""
    socket = open_socket(f"ws://127.0.0.1:{control.port}/control", legacy=True, **options)
    return socket, json.loads(socket.recv(timeout=20))["nonce"]


def refused(socket):
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=20)
    return closed.value.rcvd.code, closed.value.rcvd.reason


# Authentication


@pytest.mark.parametrize(
    "said",
    [
        "", "null", "[]", "{}", '{"token": 1, "nonce": 2, "proof": 3}', '{"token": "x", "nonce": "y", "proof": "z"}',
        "\ud7ff", b"\x00\xff", "[" * 900, '{"token":' * 110, "NaN", '{"token": -Infinity}', "9" * 1_000, "1e999",
        '"' + "\\ud800" * 100 + '"', '{"do": "window"}', '{"do": "publish", "topic": "chat", "content": "x"}', b"{}",
        "true", "{" + '"a":1,' * 100, '{"token": {}, "nonce": [], "proof": null}', "\x00" * 1_000,
    ],
)  # fmt: skip
def test_anything_but_the_secret_is_turned_away(control, token, said):
    socket = raw(control)
    socket.send(said)
    assert refused(socket) == (1008, "the proof of the secret is invalid")


@pytest.mark.parametrize("proof", ["", "wrong", "é", "\ud800", None, 5, ["a"], "0" * 64])
def test_a_wrong_proof_for_an_existing_token_is_refused(control, token, proof):
    socket, nonce = greeted(control)
    socket.send(json.dumps({**answer_to(nonce, token), "proof": proof}))
    assert refused(socket)[0] == 1008


@pytest.mark.parametrize("wrong", [{"nonce": ""}, {"nonce": "é" * 20}, {"nonce": "a" * 500}, {"nonce": None}])
def test_a_proof_depends_on_the_views_own_nonce(control, token, wrong):
    socket, nonce = greeted(control)
    socket.send(json.dumps({**answer_to(nonce, token), **wrong}))
    assert refused(socket)[0] == 1008


def test_the_secret_itself_is_not_a_proof(control, token):
    for said in ({"secret": token.reveal()}, {"proof": token.reveal()}, {"nonce": "n" * 20, "proof": token.reveal()}):
        socket = raw(control)
        socket.send(json.dumps({"token": token.name, **said}))
        assert refused(socket)[0] == 1008


def test_the_proof_for_one_socket_is_refused_on_another(control, token):
    first, nonce = greeted(control)
    answer = json.dumps(answer_to(nonce, token))
    first.send(answer)
    assert json.loads(first.recv(timeout=20))["t"] == "welcome"
    second, other = greeted(control)
    assert other != nonce
    second.send(answer)
    assert refused(second)[0] == 1008


def test_the_servers_proof_is_not_accepted_from_a_view(control, token):
    socket, nonce = greeted(control)
    answer = answer_to(nonce, token)
    socket.send(json.dumps({**answer, "proof": token.proof("server", nonce, answer["nonce"])}))
    assert refused(socket)[0] == 1008


def test_the_secret_of_another_widget_is_valid_only_for_its_own_token(control, token):
    other = here(control.open)
    socket, nonce = greeted(control)
    socket.send(json.dumps({**answer_to(nonce, other), "token": token.name}))
    assert refused(socket)[0] == 1008


def test_before_the_proof_no_data_is_sent(control, token, server):
    socket = open_socket(f"ws://127.0.0.1:{control.port}/control", legacy=True)
    hello = socket.recv(timeout=20)
    assert set(json.loads(hello)) == {"t", "nonce"}
    with pytest.raises(TimeoutError):
        socket.recv(timeout=0.3)


def test_no_secret_crosses_the_socket_in_either_direction(control, token, view, server):
    crossed = []
    with pytest.MonkeyPatch.context() as patch:
        for way in ("recv", "send"):
            inner = getattr(ClientConnection, way)

            def listen(socket, *given, inner=inner, **options):
                result = inner(socket, *given, **options)
                crossed.append(f"{given} {result}")
                return result

            patch.setattr(ClientConnection, way, listen)
        live = view()
        live.look()
        live.ask("resend")
    assert any(token.name in text for text in crossed)
    assert not any(token.reveal() in text for text in crossed)


def test_refused_views_make_one_entry_in_the_journal_however_many_there_are(control, token):
    journal = default_runtime().journal
    journal.clear()
    for said in ["[" * 1_000, "{}", b"\x00", "NaN", *["x"] * 20]:
        socket = raw(control)
        socket.send(said)
        assert refused(socket)[0] == 1008
    [entry] = journal.entries("info")
    assert (entry["level"], entry["count"]) == ("warning", 24)
    assert entry["message"] == "the view of a live table was closed with 1008: the proof of the secret is invalid"


def test_a_long_message_before_the_proof_is_not_read(control, token):
    socket = raw(control)
    socket.send("[" * (1 << 20))
    assert refused(socket)[0] == 1009


def test_the_number_of_views_without_proof_is_bounded(control, token, view, until):
    waiting = [raw(control) for _ in range(control_module.MAX_UNAUTHENTICATED + 5)]
    for socket in waiting[:5]:
        assert refused(socket) == (1008, "too many connections without a proof")
    assert len(control._waiting) == control_module.MAX_UNAUTHENTICATED
    view().look()
    for socket in waiting[6:]:
        socket.close()
    until(lambda: not control._waiting)


def test_after_a_wrong_secret_no_request_is_performed(control, token, server, connect):
    client = connect(server, "/ws")
    socket, nonce = greeted(control)
    socket.send("{}")
    with suppress(ConnectionClosed):  # it may be closed already
        socket.send(json.dumps(answer_to(nonce, token)))
        socket.send(json.dumps({"do": "publish", "topic": "chat", "content": "x"}))
    assert refused(socket)[0] == 1008
    with pytest.raises(TimeoutError):
        client.recv(timeout=0.2)


def test_a_view_that_sends_nothing_is_closed_with_1008(control, token, monkeypatch):
    monkeypatch.setattr(control_module, "PROOF_TIMEOUT", 0.1)
    assert refused(raw(control)) == (1008, "no proof of the secret within 5 s")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "NULL", "", "file://", "data:", "http://", "about:blank"]
)
def test_a_page_of_a_foreign_origin_is_refused_before_it_can_try(control, token, origin):
    with pytest.raises(InvalidStatus) as refusal:
        raw(control, origin=origin)
    assert refusal.value.response.status_code == 403


def test_the_notebooks_own_address_is_accepted_once_it_was_reported(control, token, server):
    headers = {"Host": "hub.example"}
    url = f"ws://127.0.0.1:{server.port}/ws"
    with pytest.raises(InvalidStatus):
        open_socket(url, additional_headers=headers, legacy=True)
    here(lambda: control.allow("hub.example", "https://hub.example"))
    later = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("t")])}, port=0) | run
    for port, path in ((server.port, "/ws"), (later.port, "/ws"), (control.port, "/control")):
        url = f"ws://127.0.0.1:{port}{path}"
        open_socket(url, origin="https://hub.example", legacy=True).close()
        with pytest.raises(InvalidStatus):
            open_socket(url, origin="https://evil.example", legacy=True)
    default_runtime().service(Servers)._public.clear()


def test_the_secret_is_in_no_repr_no_journal_and_no_url(control, token, view, server):
    live = view()
    live.look()
    live.ask("nonsense")
    raw(control).send(json.dumps({"token": token.name, "nonce": "n" * 20, "proof": token.reveal() + "x"}))
    time.sleep(0.1)
    everything = f"{token!r} {token} {default_runtime().journal.entries()!r} {live.hello} {live.board}"
    assert token.reveal() not in everything


def test_no_query_lists_the_channel(control, view, server, connect):
    view().look()
    connect(server, "/ws")
    assert [told["port"] for told in FX.QueryAllActiveHTTPServers() | run] == [server.port]
    assert (FX.ListActors() | run) == []
    assert control.port not in [told["port"] for told in view().board.get("servers", [])]


# What it tells


def test_a_view_receives_the_overview_and_its_window(view, server, connect):
    for _ in range(5):
        connect(server, "/ws")
    live = view()
    live.look(limit=3)
    assert (live.total, live.column("channel_id")) == (5, [0, 1, 2])
    live.until(lambda: live.board.get("clients") == 5)


def test_connections_and_disconnections_are_sent(view, server, connect):
    live = view()
    live.look()
    client = connect(server, "/ws")
    live.until(lambda: live.column("channel_id") == [0])
    client.close()
    live.until(lambda: live.total == 0)


def test_counters_are_updated_at_most_five_times_a_second(view, server, connect):
    client = connect(server, "/ws")
    live = view()
    live.look()
    live.listen(0.3)
    before, began = live.messages, time.monotonic()
    for _ in range(100):
        client.send("x")
        live.listen(0.01)
    live.until(lambda: live.column("received") == live.column("sent") == [100])
    # Beside the counters, the board is sent once a second. What was on its way at the start is one more of each.
    assert live.messages - before <= (5 + 1) * (time.monotonic() - began) + 4


def test_a_sorted_searched_and_moved_window(view, server, connect):
    # They read nothing, and yet hear at once that all is over.
    clients = [connect(server, "/ws" if n % 2 else "/echo", max_queue=None) for n in range(10)]
    for n, client in enumerate(clients):
        for _ in range(n if n % 2 else 0):
            client.send("x")
    live = view()
    live.look()
    live.until(lambda: sorted(live.column("received"))[-1] == 9)
    live.look(sort="received", descending=True, limit=3)
    assert live.column("channel_id") == [9, 7, 5]
    live.look(offset=1)
    assert live.column("channel_id") == [7, 5, 3]
    live.look(search="/echo", offset=0)
    assert (live.total, live.column("path")) == (5, ["/echo"] * 3)
    live.look(search="", path="/ws", server=place_of(server), sort="channel_id", descending=False)
    assert live.column("channel_id") == [1, 3, 5]


def test_a_view_that_missed_an_update_requests_and_receives_everything(view, server, connect):
    client = connect(server, "/ws")
    live = view()
    live.look()
    live.sequence = -5
    client.send("x")
    live.until(lambda: live.gaps == 1 and live.column("received") == [1])
    assert live.ask("resend")["ok"]


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "window", "limit": 0}, {"do": "window", "limit": 10**9}, {"do": "window", "offset": -1},
        {"do": "dance"}, {},
        {"do": "window", "server": 5}, {"do": "window", "path": ["/ws"]}, {"do": "window", "server": "x" * 10_000},
        {"do": "window", "offset": 1e300}, {"do": ["window"]}, {"do": {"a": {}}}, {"do": None},
        {"do": "window", "limit": "5"}, {"do": "window", "limit": True}, {"do": "select", "row": "99"},
        {"do": "window", "sort": "x"}, {"do": "publish", "topic": "t", "as": "base64", "content": "?"},
        {"do": "act", "action": "send", "row": None, "content": "x"},
        {"do": "follow", "topic": 5}, {"do": "stop", "server": "x"}, {"do": "act", "action": "dance", "row": "0"},
        {"do": "publish", "topic": "", "content": "x"}, {"do": "publish", "topic": "t", "as": "json", "content": "{"},
        {"do": "publish", "topic": "t", "as": "hex", "content": "0"},
        {"do": "publish", "topic": "t", "as": "yaml", "content": "?"},
    ],
)  # fmt: skip
def test_an_invalid_request_gets_an_error_and_does_no_harm(view, request_):
    live = view()
    do = request_.pop("do", None)
    answer = live.ask(do, **request_)
    assert answer["ok"] is False
    assert answer["text"]
    assert live.ask("window")["ok"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", 1007), ("", 1007), ("[]", 1007), ("5", 1007), ("[" * 100_000, 1007), ('{"a":' * 100_000, 1007),
        ('{"do": "window", "id": NaN}', 1007), ('{"do": "window", "offset": -Infinity}', 1007),
        ('{"do": "window", "id": 1e999}', 1007), ('{"do": "window", "id": [[]]}', 1007),
        ('{"do": "window", "id": true}', 1007),
        ('{"id": ' + "9" * 5_000 + "}", 1007), ('{"do": "pause", "do": "window"}', 1007), (b'{"do": "window"}', 1003),
        (b"\xff", 1003), ('{"do": "window"}' * 2, 1007), ("x" * ((1 << 20) + 1), 1009),
    ],
)  # fmt: skip
def test_a_message_that_is_no_request_ends_only_that_view(view, said, code, until):
    journal = default_runtime().journal
    live, other = view(), view()
    other.look()
    journal.clear()
    live.socket.send(said)
    assert live.close_code() == code
    # It is written once the connection has ended, which the client can see first.
    [entry] = until(lambda: journal.entries("info"))
    assert entry["message"].startswith(f"the view of a live table was closed with {code}: ")
    assert other.ask("window")["ok"]


# One client closely


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


def test_of_many_frames_the_last_ones_are_kept(view, server, connect):
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


# What a person does


@pytest.mark.parametrize(
    ("kind", "content", "received"),
    [
        ("text", "héllo", "héllo"), ("hex", "00 ff", b"\x00\xff"),
        ("base64", "AP8=", b"\x00\xff"), ("json", '{"a":[1]}', '{"a": [1]}'),
    ],
)  # fmt: skip
def test_a_view_can_send_to_one_client(view, server, connect, kind, content, received):
    one, other = connect(server, "/ws"), connect(server, "/ws")
    live = view()
    live.look()
    answer = live.ask("act", action="send", row=live.order[0], content=content, **{"as": kind})
    assert (answer["ok"], answer["text"]) == (True, "sent to client 0")
    assert one.recv(timeout=20) == received
    with pytest.raises(TimeoutError):
        other.recv(timeout=0.1)


def test_a_view_can_close_one_client_with_a_code_and_a_reason(view, server, connect):
    one, other = connect(server, "/ws"), connect(server, "/ws")
    live = view()
    live.look()
    first, second = live.order
    assert live.ask("act", action="close", row=first, code=4000, reason="spam")["ok"]
    with pytest.raises(ConnectionClosed) as closed:
        one.recv(timeout=20)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "spam")
    live.until(lambda: live.column("channel_id") == [1])
    assert other.ping().wait(20)
    assert not live.ask("act", action="close", row=second, code=1005)["ok"]
    assert not live.ask("act", action="close", row=first)["ok"]


def test_a_view_can_publish_to_any_topic(view, server, connect):
    client = connect(server, "/ws")
    live = view()
    assert live.ask("publish", topic="chat", content="hi")["text"] == "published to chat"
    assert client.recv(timeout=20) == "hi"
    assert live.ask("publish", topic="void", content="hi")["text"] == "published to void, which has no subscribers"


def test_following_a_topic_shows_its_messages_and_is_not_a_subscription(view, until):
    live = view()
    live.ask("follow", topic="news")
    FX.Publish(target=ET.Topic("news"), content={"n": 1}) | run
    FX.Publish(target=ET.Topic("news"), content=b"\x01") | run
    live.until(lambda: len(live.tail) == 2)
    assert [(item["kind"], item["body"]) for item in live.tail] == [("text", '{"n": 1}'), ("binary", "AQ==")]
    assert (FX.StreamGraphSnapshot() | run) == []
    live.until(lambda: live.board.get("topics") == [])
    live.close()
    hub = default_runtime().service(Hub)
    until(lambda: here(lambda: hub.topics() == []))


def test_of_many_messages_on_a_topic_the_newest_are_sent_and_the_others_counted(view):
    live = view()
    live.ask("follow", topic="flood")
    for n in range(5_000):
        FX.Publish(target=ET.Topic("flood"), content=n) | run
    live.until(lambda: len(live.tail) + live.skipped == 5_000)
    assert live.tail[-1]["body"] == "4999"
    assert len(live.tail) <= 1_500


def test_stopping_a_server(view, server):
    live = view()
    assert live.ask("stop", server=place_of(server))["text"] == f"stopped the server on port {server.port}"
    assert (FX.QueryAllActiveHTTPServers() | run) == []


# When nobody looks


def test_no_timer_runs_without_a_view_and_nothing_is_left_of_one(control, view, server, connect, until):
    assert not control.is_ticking
    live = view()
    live.look()
    until(lambda: control.is_ticking)
    live.close()
    until(lambda: not control._viewers and not control.is_ticking)
    ticks = control.ticks
    time.sleep(0.5)
    assert control.ticks == ticks


def test_a_view_that_is_not_visible_is_paused(control, view, until):
    live = view()
    live.look()
    live.ask("pause", paused=True)
    until(lambda: not control.is_ticking)
    live.ask("pause", paused=False)
    until(lambda: control.is_ticking)


def test_a_table_without_changes_is_checked_once_a_second(control, view, until):
    live = view()
    live.look()
    live.listen(3)
    before, began = control.ticks, time.monotonic()
    live.listen(2)
    assert control.ticks - before <= (time.monotonic() - began) / control_module.LONGEST_PAUSE + 1


def test_a_closed_widget_closes_its_views_and_the_last_one_the_server(control, token, view, until):
    other = here(control.open)
    live = view()
    port = control.port
    here(lambda: control.revoke(token))
    assert live.close_code() == 1000
    assert control.port == port
    here(lambda: control.revoke(other))
    assert control.port == 0
    with pytest.raises(OSError, match="refused"):
        open_socket(f"ws://127.0.0.1:{port}/control", legacy=True)


def test_a_view_that_does_not_read_receives_no_more_updates(control, view, server, connect, monkeypatch):
    client = connect(server, "/ws")
    live = view()
    live.look()
    monkeypatch.setattr(control_module, "_MAX_QUEUED", 0)
    live.listen(0.5)
    client.send("x")
    live.listen(0.5)
    assert live.column("received") == [0]
    monkeypatch.setattr(control_module, "_MAX_QUEUED", 1)
    live.until(lambda: live.column("received") == [1])


def test_hundreds_of_views_leave_nothing_behind(control, token, view, until):
    for _ in range(50):
        live = view()
        live.look()
        live.ask("follow", topic="t")
        live.close()
    until(lambda: not control._viewers)
    gc.collect()
    hub = default_runtime().service(Hub)
    until(lambda: here(lambda: hub.topics() == []))


# Through the kernel


def test_a_view_through_the_kernel_receives_updates_while_it_asks(control, token, server, connect, monkeypatch, until):
    monkeypatch.setattr(control_module, "_LEASE", 0.5)
    monkeypatch.setattr(control_module, "_IDLE_TIMEOUT", 1.5)
    client = connect(server, "/ws")
    told = []
    ask = default_runtime().call_queue.put
    ask(control.handle_request, token, "v", json.dumps({"do": "window", "id": 1}), told.append)
    until(lambda: any('"done"' in text for text in told))
    time.sleep(0.8)
    count = len(told)
    for _ in range(20):
        client.send("x")
        time.sleep(0.02)
    assert len(told) == count
    ask(control.handle_request, token, "v", json.dumps({"do": "poll"}), told.append)
    until(lambda: len(told) > count)
    until(lambda: not control._viewers and not control.is_ticking)


def ask_through_kernel(control, token, view, told, **request):
    default_runtime().call_queue.put(control.handle_request, token, view, json.dumps(request), told.append)


def test_a_hundred_views_through_the_kernel_that_rested_and_went_are_forgotten(control, token, monkeypatch, until):
    monkeypatch.setattr(control_module, "_IDLE_TIMEOUT", 1.0)
    told = []
    for n in range(100):
        ask_through_kernel(control, token, f"v{n}", told, do="window")
        ask_through_kernel(control, token, f"v{n}", told, do="follow", topic="t")
        ask_through_kernel(control, token, f"v{n}", told, do="pause", id=n)
    until(lambda: {json.loads(text).get("id") for text in told} >= set(range(100)))
    until(lambda: not control._viewers)
    assert not control._last_requests
    until(lambda: not control.is_ticking)
    hub = default_runtime().service(Hub)
    assert here(lambda: hub.topics() == [])


def test_a_paused_view_through_the_kernel_with_recent_requests_stays_registered(control, token, monkeypatch, until):
    monkeypatch.setattr(control_module, "_IDLE_TIMEOUT", 1.0)
    told = []
    for view in ("stays", "goes"):
        ask_through_kernel(control, token, view, told, do="window")
        ask_through_kernel(control, token, view, told, do="pause")
    until(lambda: len(control._viewers) == 2)

    def only_one():
        ask_through_kernel(control, token, "stays", told, do="poll")
        return list(control._viewers) == [f"{token.name} stays"]

    until(only_one)


def test_a_forgotten_view_is_told_to_start_again(control, token, until):
    told = []
    ask_through_kernel(control, token, "v", told, do="pause", paused=False)
    until(lambda: told)
    assert json.loads(told[0]) == {"t": "welcome"}
    told.clear()
    ask_through_kernel(control, token, "v", told, do="window", id=1)
    until(lambda: any('"done"' in text for text in told))
    assert not any("welcome" in text for text in told)


def test_a_view_whose_request_is_refused_is_told_to_start_only_once(control, token, until):
    told = []
    for number in range(3):
        ask_through_kernel(control, token, "v", told, do="window", limit=0, id=number)
    until(lambda: sum('"done"' in text for text in told) == 3)
    assert sum("welcome" in text for text in told) == 1


def test_the_number_of_views_through_the_kernel_is_bounded(control, token, until):
    most = control_module._MAX_KERNEL_VIEWS
    for n in range(most + 20):
        ask_through_kernel(control, token, f"v{n}", [], do="window")
    until(lambda: f"{token.name} v{most + 19}" in control._viewers)
    assert list(control._viewers) == [f"{token.name} v{n}" for n in range(20, most + 20)]


@pytest.mark.parametrize("said", ["{", "[" * 100_000, '{"id": NaN}', "5", '{"do": "a", "do": "b"}'])
def test_a_message_that_is_no_request_ends_that_view_through_the_kernel_too(control, token, said, until):
    default_runtime().journal.clear()
    told = []
    ask_through_kernel(control, token, "v", told, do="window", id=1)
    until(lambda: len(control._viewers) == 1)
    default_runtime().call_queue.put(control.handle_request, token, "v", said, told.append)
    until(lambda: not control._viewers)
    [entry] = until(lambda: default_runtime().journal.entries("info"))
    assert "closed with 1007" in entry["message"]


def test_a_revoked_token_is_refused(control, token):
    told = []
    here(lambda: control.revoke(token))
    here(lambda: control.handle_request(token, "v", '{"do": "window", "id": 1}', told.append))
    assert told == []


def test_many_widgets_at_once_share_one_server(control):
    async def several():
        return await asyncio.gather(*(control.open() for _ in range(5)))

    tokens = here(several)
    assert len({token.name for token in tokens}) == len({token.reveal() for token in tokens}) == 5
