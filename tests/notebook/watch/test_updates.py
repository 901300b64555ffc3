"""A view receives the overview and its window of the table, and then the changes."""

from __future__ import annotations

import time

import pytest

from tests.notebook.viewer import place_of
from zefnb.engine.runtime import default_runtime


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
    live.until(lambda: sorted(live.column("received")) == [0, 0, 0, 0, 0, 1, 3, 5, 7, 9])
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
