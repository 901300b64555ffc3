"""The feed gives windows of the table, right in content and order, as differences."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.notebook.viewer import here, place_of
from zefnb import ET, FX, run
from zefnb.core.time import Time
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.watch.feed import Feed, Query, Row, View
from zefnb.notebook.watch.tables.clients import TABLE

COLUMNS = [column.name for column in TABLE.columns]
RATE = COLUMNS.index("rate")


class Stub(SimpleNamespace):
    """A connection's counters, without its socket."""

    __hash__ = object.__hash__


def made(n, **counters):
    fields = {
        "channel_id": n, "client_ip": f"10.0.{n % 3}.{n}", "path": ["/ws", "/echo"][n % 2], "origin": None,
        "connect_time": Time(n), "received": 0, "sent": 0, "queued": 0, "dropped": 0, "ignored": 0, "round_trip": None,
        "actor": None, "is_open": True, "visitor": None,
    }  # fmt: skip
    config = SimpleNamespace(presence=[None, ET.Topic("who")][n % 2])
    endpoint = SimpleNamespace(path=fields["path"], server=SimpleNamespace(port=8000), config=config)
    return Stub(**{**fields, "endpoint": endpoint, **counters})


def runtime_of(stubs):
    server = SimpleNamespace(place="u", port=8000, clients=lambda: list(stubs))
    return SimpleNamespace(service=lambda kind: [server])


@pytest.fixture
def table_of():
    def build(stubs):
        clients = Feed(runtime_of(stubs), TABLE)
        clients.refresh()
        return clients

    return build


def replay(messages):
    """What a view has after these messages."""
    cells, order, start, total = {}, [], 0, 0
    for message in messages:
        if message["seq"] == 0:
            cells, order = {}, []
        start, total = message.get("start", start), message.get("total", total)
        cells.update({key: list(row) for key, row in message.get("rows", {}).items()})
        for key, changes in message.get("cells", {}).items():
            for number, value in changes.items():
                if number == RATE and not isinstance(value, list):
                    value = [*cells[key][number], value][-30:]
                cells[key][number] = value
        order = message.get("order", order)
        cells = {key: cells[key] for key in order}
    return [cells[key] for key in order], start, total


def truth(clients, query, offset, limit):
    rows = clients.ordered(query)[offset : offset + limit]
    return [[list(row.history) if n == RATE else cell for n, cell in enumerate(clients.cells(row))] for row in rows]


actions = st.lists(
    st.tuples(st.sampled_from(["talk", "join", "leave", "sort", "move", "sample", "search"]), st.integers(0, 10**6)),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_differences_add_up_to_the_window_after_any_changes(steps):
    stubs = [made(n) for n in range(30)]
    clients = Feed(runtime_of(stubs), TABLE)
    view, messages, number = View(), [], 30
    view.limit = 8
    for what, draw in steps:
        luck = random.Random(draw)
        if what == "talk":
            for stub in luck.sample(stubs, min(5, len(stubs))):
                stub.received += luck.randint(1, 9)
                stub.queued = luck.randint(0, 99)
        elif what == "join":
            stubs.append(made(number))
            number += 1
        elif what == "leave" and stubs:
            stubs.remove(luck.choice(stubs))
        elif what == "sort":
            view.query = view.query._replace(sort=luck.choice(COLUMNS), descending=luck.random() < 0.5)
        elif what == "move":
            view.offset = luck.randint(0, 40)
        elif what == "sample":
            clients._sampled_at -= 1.5
        elif what == "search":
            view.query = view.query._replace(search=luck.choice(["", "10.0.1", "echo", "nobody"]))
        clients.refresh()
        message = view.message(clients)
        if message is not None:
            messages.append(message)
            assert message["seq"] == len(messages) - 1
        rows, start, total = replay(messages)
        assert total == len(clients.ordered(view.query))
        assert rows == truth(clients, view.query, start, view.limit)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("descending", [False, True])
def test_every_column_is_sorted_by_its_values(table_of, column, descending):
    luck = random.Random(1)
    stubs = [
        made(
            n,
            received=luck.randint(0, 5),
            sent=luck.randint(0, 5),
            queued=luck.randint(0, 5),
            dropped=luck.randint(0, 2),
        )
        for n in range(40)
    ]
    for stub in stubs[::3]:
        stub.origin = f"http://page{stub.channel_id % 4}"
        stub.round_trip = stub.channel_id / 7
        stub.actor = SimpleNamespace(state={"score": stub.channel_id % 5})
    clients = table_of(stubs)
    rows = clients.ordered(Query(sort=column, descending=descending))
    place = COLUMNS.index(column)
    values = [row.rate if column == "rate" else clients.cells(row)[place] for row in rows]
    least = "" if any(isinstance(value, str) for value in values) else -1
    values = [least if value is None else value for value in values]
    assert values == sorted(values, reverse=descending)
    # Equal values keep the order of their numbers.
    equal = [row.source.channel_id for row in rows if clients.cells(row)[place] == clients.cells(rows[0])[place]]
    assert equal == sorted(equal)


def test_search_finds_words_in_any_column_and_in_the_state(table_of):
    stubs = [made(n) for n in range(20)]
    stubs[7].actor = SimpleNamespace(state={"name": "Grace"})
    stubs[8].origin = "http://Page.example"
    clients = table_of(stubs)

    def found(text):
        return [row.source.channel_id for row in clients.ordered(Query(search=text))]

    assert found("grace") == [7]
    assert found("PAGE.example") == [8]
    assert found("/echo 10.0.1") == [n for n in range(20) if n % 2 and n % 3 == 1]
    assert found("nobody") == []


def test_a_window_beyond_the_end_is_the_last_one(table_of):
    clients = table_of([made(n) for n in range(30)])
    view = View()
    view.offset, view.limit = 1000, 10
    message = view.message(clients)
    assert (message["start"], message["total"], len(message["order"])) == (20, 30, 10)


def test_rows_are_sorted_once_for_all_views_of_a_tick(table_of):
    clients = table_of([made(n) for n in range(30)])
    assert clients.ordered(Query(sort="received")) is clients.ordered(Query(sort="received"))
    before = clients.ordered(Query(sort="received"))
    clients.refresh()
    assert clients.ordered(Query(sort="received")) is not before


def test_nothing_is_sent_without_changes_and_little_for_few_changes(table_of):
    stubs = [made(n) for n in range(100)]
    clients, view = table_of(stubs), View()
    fourth = view.message(clients)["order"][3]
    assert view.message(clients) is None
    stubs[3].received += 1
    clients.refresh()
    assert view.message(clients) == {"t": "table", "seq": 1, "cells": {fourth: {COLUMNS.index("received"): 1}}}


def test_a_change_outside_of_the_window_is_not_sent(table_of):
    stubs = [made(n) for n in range(100)]
    clients, view = table_of(stubs), View()
    view.message(clients)
    stubs[90].received += 1
    clients.refresh()
    assert view.message(clients) is None


def test_rates_are_sampled_every_second_and_silent_clients_have_none():
    row = Row(made(1), "1", [], "", 0)
    row.sample(0, 1.0)
    assert list(row.history) == []
    row.sample(10, 2.0)
    row.sample(10, 1.0)
    assert (list(row.history), row.rate, row.sampled) == ([5.0, 0.0], 0.0, 2)
    for _ in range(100):
        row.sample(10, 1.0)
    assert len(row.history) == 30


def test_real_clients_of_two_servers_are_in_one_table(server, connect):
    other = FX.StartHTTPServer(routes={"/x": ET.WebSocket(clients_subscribe_to=[ET.Topic("t")])}, port=0) | run
    connect(server, "/ws"), connect(other, "/x"), connect(server, "/echo")

    places = place_of(other), place_of(server)

    def rows():
        clients = Feed(default_runtime(), TABLE)
        clients.refresh()
        return [
            [(row.source.endpoint.server.port, row.source.path) for row in clients.ordered(query)]
            for query in (Query(), Query(server=places[0]), Query(server=places[1], path="/echo"))
        ]

    everything, one, path = here(rows)
    assert everything == sorted(
        [(server.port, "/ws"), (server.port, "/echo"), (other.port, "/x")], key=lambda at: at[0]
    )
    assert (one, path) == ([(other.port, "/x")], [(server.port, "/echo")])
