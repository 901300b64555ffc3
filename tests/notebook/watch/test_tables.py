"""The tables beside that of clients, and a table of a new kind: one new file is enough."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest
from rich.console import Console

from tests.notebook.viewer import Viewer, here, place_of
from tests.ports import free_port
from zefnb import ET, FX, run
from zefnb.core.rows import Rows
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidValue
from zefnb.notebook.display.columns import READINGS
from zefnb.notebook.display.tables import grid
from zefnb.notebook.watch import tables
from zefnb.notebook.watch.table import Place
from zefnb.notebook.watch.terminal import watch_terminal
from zefnb.notebook.watch.watch import watch
from zefnb.notebook.watch.widget import LiveTable, script

NEW_KIND = '''
"""Parcels: a kind of row that zefnb does not know."""

from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.table import Action, Box, Table

PARCELS = {"a": {"name": "a", "grams": 120_000, "moved": 0}, "b": {"name": "b", "grams": 70, "moved": 3}}


def send(runtime, row, request):
    PARCELS[row["name"]]["moved"] += request["by"]
    return f"sent {row['name']} on"


class Parcels(Table):
    """What is on its way."""

    noun = "parcel"
    empty = "nothing is on its way"
    columns = (
        Column("name", "parcel", of=lambda row: row["name"], fixed=True),
        Column("grams", "weight", "size", lambda row: row["grams"]),
        Column("moved", "moves", "number", lambda row: row["moved"]),
    )
    actions = (Action("send", "Send on", send, (Box("by", "Steps", "number", value=1),)),)

    def rows(self, runtime):
        return PARCELS.values()

    def key(self, row):
        return row["name"]

    def title(self, row):
        return f"Parcel {row['name']}"


TABLE = Parcels()
'''


@pytest.fixture
def parcels(tmp_path, monkeypatch):
    """The folder of tables with one more file in it."""
    (tmp_path / "parcels.py").write_text(NEW_KIND)
    monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(tmp_path)])
    yield tables.table_named("parcels")
    del sys.modules["zefnb.notebook.watch.tables.parcels"]
    del tables.parcels


@pytest.fixture
def view_of(control):
    """`view_of('topics')`: a live view of that table."""
    views = []

    def open_(name):
        views.append(Viewer(control, here(lambda: control.open(name))))
        return views[-1]

    yield open_
    for view in views:
        view.close()


def drawn(name, width=120):
    console = Console(file=io.StringIO(), width=width, height=40)
    watch_terminal(default_runtime(), name, Place(), console)
    return console.file.getvalue()


def test_a_new_kind_is_found_and_drawn_in_the_terminal(clean, parcels):
    assert "parcels" in tables.table_names()
    lines = [line.split() for line in drawn("parcels").splitlines()]
    assert ["parcel", "weight", "moves"] in lines
    assert ["a", "117.2", "KiB", "0"] in lines
    assert ["b", "70", "B", "3"] in lines


def test_a_new_kind_is_sent_to_the_browser_with_its_columns(clean, control, parcels):
    table = LiveTable(default_runtime(), "parcels")
    sent = json.loads(json.dumps(table.get_state(["table"])["table"]))
    table.close()
    assert [(column["title"], column["reads"], column["right"]) for column in sent["columns"]] == [
        ("parcel", "text", False), ("weight", "size", True), ("moves", "number", True)
    ]  # fmt: skip
    assert (sent["noun"], sent["empty"]) == ("parcel", "nothing is on its way")
    assert [action["label"] for action in sent["actions"]] == ["Send on"]


def test_a_new_kind_is_sorted_searched_and_acted_on_by_a_view(parcels, view_of):
    live = view_of("parcels")
    assert live.look(sort="grams") == [["b", 70, 3], ["a", 120_000, 0]]
    assert live.look(search="a") == [["a", 120_000, 0]]
    key = live.order[0]
    assert live.ask("select", row=key)["ok"]
    assert live.title == "Parcel a"
    assert live.ask("act", row=key, action="send", by=4)["text"] == "sent a on"
    live.until(lambda: live.rows == [["a", 120_000, 4]])


def test_a_new_kind_is_saved_and_displayed_by_the_same_columns(clean, control, parcels):
    table = LiveTable(default_runtime(), "parcels")
    saved = table._repr_mimebundle_()[0]
    table.close()
    assert "2 parcels, as of" in saved["text/plain"]
    assert "117.2 KiB" in saved["text/html"]
    assert grid(Rows("parcels", [{"name": "c", "grams": 2048, "moved": 1}])).rows == [["c", "2.0 KiB", "1"]]


def test_a_table_whose_rows_cannot_be_read_ends_its_own_view_and_no_other(parcels, view_of, server, connect, until):
    connect(server, "/ws")
    broken, sound = view_of("parcels"), view_of("clients")
    broken.look()
    sound.look()
    sys.modules["zefnb.notebook.watch.tables.parcels"].PARCELS["c"] = {"name": "c"}
    assert broken.close_code() == 1000
    assert sound.ask("window")["ok"]
    [entry] = until(lambda: default_runtime().journal.entries("error"))
    assert "a live table: KeyError" in entry["message"]


def test_of_rows_with_one_key_the_last_is_shown_once(parcels, view_of):
    double = sys.modules["zefnb.notebook.watch.tables.parcels"]
    rows = [{"name": "x", "grams": n, "moved": 0} for n in range(3)]
    double.Parcels.rows = lambda table, runtime: [*double.PARCELS.values(), *rows]
    live = view_of("parcels")
    assert live.look(sort="name") == [["a", 120_000, 0], ["b", 70, 3], ["x", 2, 0]]


def test_every_reading_of_a_column_is_known_to_the_browser():
    code = script()
    readings = code[code.index("const READINGS") : code.index("const readAs")]
    # A rate is drawn as a line and not read.
    assert [name for name in READINGS if name != "rate" and not re.search(rf"\b{name}[:,]", readings)] == []


def test_topics_are_watched_published_to_and_deleted(view_of, until):
    heard = []
    FX.SubscribeFX(topic=ET.Topic("news"), op=heard.append) | run
    live = view_of("topics")
    live.look()
    assert (live.column("name"), live.column("subscribers")) == (["news"], [1])
    live.ask("select", row=live.order[0])
    assert live.ask("act", row=live.order[0], action="publish", content="hello")["text"] == "published to news"
    live.until(lambda: [frame["body"] for frame in live.frames] == ["hello"])
    live.until(lambda: live.column("published") == [1])
    until(lambda: heard == ["hello"])
    assert "news" in drawn("topics")
    assert live.ask("act", row=live.order[0], action="delete")["ok"]
    live.until(lambda: live.rows == [])
    assert "no topic has subscribers" in drawn("topics")


def test_actors_are_watched_with_their_states_and_stopped(view_of, until):
    inputs = [ET.Topic("one"), ET.Topic("two")]
    FX.StartActor(initial_state=0, handler=lambda message, n: [[], n + message], input=inputs) | run
    live = view_of("actors")
    live.look()
    assert (live.column("input"), live.column("state")) == (["one, two"], ["0"])
    live.ask("select", row=live.order[0])
    FX.Publish(target=inputs[1], content=41) | run
    live.until(lambda: live.state == "41")
    live.until(lambda: live.column("handled") == [1])
    assert "one, two" in drawn("actors")
    assert live.ask("act", row=live.order[0], action="stop")["ok"]
    live.until(lambda: live.rows == [] and live.open is False and live.facts[-1] == "stopped")
    assert (FX.ListActors() | run) == []


def test_servers_timers_replays_and_outward_clients_are_watched_and_stopped(view_of, server):
    timer = FX.StartTimer(interval=60.0, target=ET.Topic("tick"), content=0) | run
    client = FX.StartWebSocketClient(url=f"ws://127.0.0.1:{server.port}/ws", in_stream_into=[ET.Topic("in")]) | run
    FX.StartReplay(source=["a", "b"], target=ET.Topic("again"), rate=0.001) | run
    told = {
        "timers": ("target", "tick"),
        "replays": ("target", "again"),
        "outward": ("state", "connected"),
        "servers": ("port", server.port),
    }
    for name, (column, value) in told.items():
        live = view_of(name)
        live.look()
        assert live.column(column) == [value]
        assert str(value) in drawn(name)
        assert live.ask("act", row=live.order[0], action="stop")["ok"]
        live.until(lambda live=live: live.rows == [])
    assert (FX.ListTimers() | run, FX.ListReplays() | run, FX.ListWebSocketClients() | run) == ([], [], [])
    assert (FX.QueryAllActiveHTTPServers() | run) == []
    assert (timer, client) != (None, None)


def test_the_table_of_one_server_follows_those_that_take_its_place(view_of, connect):
    def start(port):
        routes = {"/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("t")])}
        return FX.StartHTTPServer(routes=routes, port=port, allow_restart=True) | run

    first = start(free_port())  # no other program gets it between two servers
    other = start(0)
    live = view_of("clients")
    live.look(server=place_of(first))
    connect(first, "/ws"), connect(other, "/ws")
    live.until(lambda: live.column("server") == [first.port])
    second = start(first.port)
    live.until(lambda: live.rows == [])
    connect(second, "/ws"), connect(second, "/ws")
    live.until(lambda: live.column("server") == [first.port] * 2)
    FX.StopHTTPServer(server=second) | run
    third = start(first.port)
    connect(third, "/ws")
    live.until(lambda: live.total == 1)
    live.until(lambda: third._uid in [told["uid"] for told in live.board["servers"]])
    [place] = [told["place"] for told in live.board["servers"] if told["uid"] == third._uid]
    assert place == first._uid
    assert live.ask("stop", server=place)["text"] == f"stopped the server on port {third.port}"


def test_a_name_that_is_no_table_is_an_error_that_lists_them():
    with pytest.raises(InvalidValue, match=r"or a table: clients, access, actors, .*topics.*did you mean 'topics'"):
        watch("topcs")
    with pytest.raises(InvalidValue, match="none: actors belong to no route"):
        watch("actors", "/ws")
