"""`watch` outside of a browser: its arguments, its saved form, and the tables in a terminal."""

from __future__ import annotations

import html
import io
import json
import re

import pytest
from ipywidgets import Widget
from rich.console import Console

from tests.notebook.viewer import the_control
from zefnb import FX, run
from zefnb.core.time import Time
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidValue, NotRunning
from zefnb.notebook.watch import terminal
from zefnb.notebook.watch.table import Place
from zefnb.notebook.watch.tables.clients import TABLE
from zefnb.notebook.watch.terminal import watch_terminal
from zefnb.notebook.watch.watch import watch
from zefnb.notebook.watch.widget import LiveTable, saved_html, saved_text, script, style

VALUES = {
    "server": 8000, "channel_id": 3, "client_ip": "127.0.0.1", "path": "/ws", "origin": "http://<script>",
    "connect_time": Time.now(), "received": 1, "sent": 2, "queued": 70_000, "round_trip": 0.0015,
    "state": "<img src=x onerror=alert(1)>",
}  # fmt: skip
ROW = [VALUES.get(column.name, 0) for column in TABLE.columns]


@pytest.fixture
def table(server, control):
    table = LiveTable(default_runtime())
    yield table
    table.close()


def test_an_invalid_argument_raises_and_the_error_lists_valid_ones(server):
    with pytest.raises(InvalidValue, match="a server's handle or its port"):
        watch("chat")
    with pytest.raises(InvalidValue, match="no server of zefnb is on port 1"):
        watch(1)
    with pytest.raises(InvalidValue, match="a route, such as '/ws'"):
        watch(server, "ws")


def test_a_server_that_has_stopped_is_an_error(server):
    FX.StopHTTPServer(server=server) | run
    with pytest.raises(NotRunning):
        watch(server)


def test_without_a_terminal_the_tables_are_printed_once(server, connect, capsys):
    connect(server, "/ws")
    assert watch(server, "/ws") is None
    shown = capsys.readouterr().out
    assert f":{server.port}" in shown
    assert "1 client" in shown
    assert "127.0.0.1" in shown
    assert "chat" in shown


def test_the_terminal_draws_until_ctrl_c(server, connect, monkeypatch):
    connect(server, "/ws")
    turns = []

    def sleep(seconds):
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(terminal.time, "sleep", sleep)
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True, raising=False)
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    watch_terminal(default_runtime(), "clients", Place(), console)
    assert len(turns) == 3
    assert "1 client" in console.file.getvalue()


def test_a_saved_notebook_contains_no_secret(table):
    control = the_control()
    [token] = control._tokens.values()
    state = json.dumps(Widget.get_manager_state(), default=str) + json.dumps(table.get_state(), default=str)
    bundle = json.dumps(table._repr_mimebundle_())
    for text in (state, bundle, repr(table)):
        assert token.reveal() not in text
        assert token.name not in text


def test_the_access_token_is_given_only_through_the_kernel(table, until):
    sent = []
    table.send = sent.append
    table._on_message(
        table, {"view": "v1", "get": "token", "host": "127.0.0.1:8888", "origin": "http://127.0.0.1:8888"}, []
    )
    until(lambda: sent)
    [token] = the_control()._tokens.values()
    assert sent == [
        {"view": "v1", "token": {"port": the_control().port, "name": token.name, "secret": token.reveal(), "base": ""}}
    ]


@pytest.mark.parametrize(
    "said", [None, 5, {}, {"get": "x"}, {"request": 5}, {"view": 1, "get": "token", "host": 5, "origin": None}]
)
def test_invalid_messages_through_the_kernel_do_no_harm(table, said):
    table._on_message(table, said, [])


def test_closing_the_widget_revokes_its_token(table, until):
    table.close()
    until(lambda: the_control().port == 0)
    table.close()


def test_saved_outside_of_a_kernel_it_is_a_readable_table(table, connect, server):
    connect(server, "/ws")
    data, _ = table._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "127.0.0.1" in data["text/html"]
    assert "1 client, as of" in data["text/plain"]


def test_text_of_a_client_is_escaped_in_it():
    saved = saved_html(TABLE, [ROW])
    assert "<script" not in saved
    assert "<img" not in saved
    assert html.escape(VALUES["state"]) in saved
    assert "68.4 KiB" in saved


def test_of_many_clients_the_first_are_saved():
    rows = [ROW] * 120
    assert saved_html(TABLE, rows).count("<tr>") == 51
    assert "and 70 more" in saved_html(TABLE, rows)
    assert len(saved_text(TABLE, rows).splitlines()) == 52


def test_the_script_loads_nothing_from_other_hosts_and_writes_no_markup():
    code = script()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", code)
    assert not re.search(r"^\s*import\s", code, re.MULTILINE)
    addresses = set(re.findall(r"https?://[\w.]+", code + style()))
    assert addresses <= {"http://www.w3.org"}
    assert "url(" not in style()
