"""The display of handles and results: as HTML, as plain text, and unchanged values."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from zefnb import ET, FX, DictDatabase, generate_uid, identity, run
from zefnb.core.rows import Rows
from zefnb.core.time import Time
from zefnb.notebook.display import html
from zefnb.notebook.display.display import Display, as_html, plain_text
from zefnb.notebook.display.tables import grid
from zefnb.text.uids import escaped_uids


@pytest.fixture(scope="module")
def shell() -> Any:
    made = InteractiveShell()
    shown = Display(made)
    shown.open()
    yield made
    shown.close()
    InteractiveShell.clear_instance()


def forms(shell: Any, value: Any) -> dict[str, str]:
    data: dict[str, str] = shell.display_formatter.format(value)[0]
    return data


@pytest.fixture
def server() -> Any:
    routes = {"/": "hi", ("POST", "/in"): "ok", "/ws": ET.WebSocket(clients_subscribe_to=[ET.Topic("chat")])}
    return FX.StartHTTPServer(routes=routes, port=0) | run


def test_a_server_is_shown_with_its_links_its_clients_and_its_state(shell, server, connect, until):
    connect(server)
    until(lambda: len(FX.QueryAllConnectedWebsocketClients(http_server=server) | run) == 1)
    shown = forms(shell, server)
    for form in ("text/html", "text/plain"):
        assert f"ws://localhost:{server.port}/ws" in shown[form]
        assert "1 client" in shown[form]
        assert "running" in shown[form]
        assert "not running" not in shown[form]
    assert shown["text/plain"].startswith(escaped_uids(repr(server)))
    FX.StopHTTPServer(server=server) | run
    assert "not running" in forms(shell, server)["text/html"]


def test_a_page_of_parts_is_a_link_with_its_clients(shell):
    server = FX.StartHTTPServer(routes={"/": ET.Page(title="Tea", parts=[])}, port=0) | run
    shown = forms(shell, server)
    assert f'href="http://localhost:{server.port}/"' in shown["text/html"]
    assert f"http://localhost:{server.port}/ page, 0 clients" in " ".join(shown["text/plain"].split())
    assert "ws://" not in "".join(shown.values())


def test_every_handle_has_both_forms_and_says_when_it_has_ended(shell):
    topic = ET.Topic("chat")
    actor = FX.StartActor(initial_state={"n": 1}, handler=lambda m, s: [[], s]) | run
    timer = FX.StartTimer(interval=60, target=topic, content="x") | run
    subscription = (FX.SubscribeFX(topic=topic, op=identity) | run).subscription
    database = FX.CreateDB(type=DictDatabase, initial_state={"a": 1}) | run
    replay = FX.StartReplay(source=["a", "b"], target=topic, rate=0.001) | run
    said = {
        replay: "of 2 published",
        actor: "state {'n': 1}",
        timer: "every 60.00 s",
        subscription: "to ET.Topic('chat')",
        database: "1 key",
    }
    for handle, fact in said.items():
        shown = forms(shell, handle)
        assert fact in shown["text/plain"]
        assert html.text(fact) in shown["text/html"]
        assert "not running" not in shown["text/plain"]
    FX.StopActor(actor=actor) | run
    FX.StopTimer(timer=timer) | run
    FX.StopReplay(replay=replay) | run
    FX.Unsubscribe(subscription=subscription) | run
    FX.CloseDB(db=database) | run
    for handle in said:
        assert "not running" in forms(shell, handle)["text/plain"]


def test_a_plain_value_is_shown_as_its_expression(shell, server):
    assert forms(shell, ET.Guest(name="Ada")) == {"text/plain": "ET.Guest(name='Ada')"}
    assert forms(shell, ET.Topic("chat")) == {"text/plain": "ET.Topic('chat')"}
    assert forms(shell, [server])["text/plain"] == escaped_uids(f"[{server!r}]")


def test_a_name_chosen_by_a_peer_is_shown_as_text_and_not_run(shell, server, connect, until):
    row = {
        "channel_id": 0, "client_ip": "127.0.0.1", "connect_time": Time.now(), "path": "/<script>alert(1)</script>",
        "origin": "http://x\x1b[2J", "host": "h", "actor": None, "sent": 1, "received": 2, "queued": 0, "dropped": 0,
        "ignored": 0, "round_trip": None,
    }  # fmt: skip
    shown = forms(shell, Rows("clients", [row]))
    assert "<script>" not in shown["text/html"]
    assert "&lt;script&gt;" in shown["text/html"]
    assert "\x1b" not in shown["text/html"] + shown["text/plain"]


def test_an_error_with_markup_is_escaped_in_the_faults(shell):
    from zefnb.notebook.magics.faults import FaultRows

    row = {"message": "<b>", "traceback": "<script>", "count": 1, "last": Time.now(), "time": Time.now()}
    shown = forms(shell, FaultRows([row]))["text/html"]
    assert "<script>" not in shown
    assert "<b>" not in shown.replace("</style>", "")


def test_results_are_real_lists_of_dicts(server):
    rows = FX.QueryAllActiveHTTPServers() | run
    assert rows == [dict(rows[0])]
    assert isinstance(rows, list)
    assert pickle.loads(pickle.dumps(rows)) == rows
    assert json.loads(json.dumps(Rows("x", [{"a": 1}]))) == [{"a": 1}]
    assert repr(Rows("x", [{"a": 1}])) == "[{'a': 1}]"


def test_every_result_is_displayed_as_a_table(shell, server):
    FX.Log(content="hello", level="info") | run
    for effect in (
        FX.QueryAllActiveHTTPServers(),
        FX.QueryAllWebsocketEndpoints(http_server=server),
        FX.QueryAllConnectedWebsocketClients(http_server=server),
        FX.QueryLog(),
        FX.StreamGraphSnapshot(),
    ):
        answer = effect | run
        shown = forms(shell, answer)
        assert "<table>" in shown["text/html"] or f"no {answer.title}" in shown["text/html"]
        assert shown["text/plain"]


def test_a_terminal_shows_colour_and_a_notebook_plain_text():
    rows = Rows("log", [{"level": "info", "message": "hello", "count": 2}])
    coloured = plain_text(rows, colour=True, width=60)
    plain = plain_text(rows, colour=False, width=60)
    assert plain is not None
    assert "\x1b" not in plain
    assert "hello" in plain
    assert coloured is not None


def test_html_follows_the_theme_and_has_no_script():
    page = html.page(html.table(["a"], [["b"]]))
    assert "var(--jp-ui-font-color1" in page
    assert "var(--vscode-foreground" in page
    assert "<script" not in page


def test_numbers_are_aligned_right_in_columns_with_gaps_too():
    found = grid(Rows("counts", [{"of": "tea", "n": 1, "best": None}, {"of": "cocoa", "n": None, "best": None}]))
    assert found.numbers == {1}


def test_a_database_shows_its_first_rows(shell):
    db = FX.CreateDB(type=DictDatabase) | run
    try:
        assert "0 keys" in plain_text(db, colour=False, width=80)
        db.update({"guests": ["<b>Ada</b>"], ("room", 1): ET.Room(open=True), "long": "x" * 10_000})
        text = plain_text(db, colour=False, width=80)
        assert "  'guests': ['<b>Ada</b>']" in text
        assert "  ('room', 1): ET.Room(open=True)" in text
        assert max(map(len, text.splitlines())) < 300
        shown = as_html(db)
        assert "<th>key</th><th>value</th>" in shown
        assert "&lt;b&gt;Ada" in shown
        db.update({number: number for number in range(100)})
        assert "103 keys  the first 10:" in plain_text(db, colour=False, width=80)
    finally:
        FX.CloseDB(db=db) | run


def test_pandas_makes_rows_of_keys_and_values_of_a_database():
    import pandas

    db = FX.CreateDB(type=DictDatabase) | run
    try:
        assert pandas.DataFrame(db).empty
        db.update({"a": 1, ("b", 2): {"c": [3]}})
        frame = pandas.DataFrame(db)
        assert list(frame.columns) == ["key", "value"]
        assert frame.to_dict("records") == [{"key": "a", "value": 1}, {"key": ("b", 2), "value": {"c": [3]}}]
        assert pandas.Series(db).to_dict() == dict(db)
    finally:
        FX.CloseDB(db=db) | run


def test_no_form_for_people_has_the_leaf_of_a_uid_which_many_fonts_lack(shell: Any, server: Any) -> None:
    db = FX.CreateDB(type=DictDatabase, initial_state={"server": server}) | run
    actor = FX.StartActor(initial_state=ET.Guest(db=db, rooms=[server]), handler=lambda m, s: [[], s]) | run
    timer = FX.StartTimer(interval=9, target=ET.Topic(generate_uid()), content="") | run
    rows = [FX.StreamGraphSnapshot() | run, FX.ListActors() | run, FX.QueryAllActiveHTTPServers() | run]
    for value in (server, db, actor, timer, ET.Guest(db=db), [server, {"db": db}], *rows):
        assert forms(shell, value)
        assert "🍃" not in "".join(forms(shell, value).values())
    # The value has it, and its `repr` and its plain form are expressions.
    assert repr(server).startswith("ET.HTTPServer('🍃-")
    for text in (repr(server), forms(shell, server)["text/plain"].splitlines()[0]):
        assert eval(text) == server
