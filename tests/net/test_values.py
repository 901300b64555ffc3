"""Values of many types, published to clients and returned by handlers."""

from __future__ import annotations

import functools
import json
import re
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import httpx
import pytest

from tests.net.conftest import journal, on_loop
from zefnb import ET, FX, DictDatabase, converter, generate_uid, run
from zefnb.core import converters
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidValue
from zefnb.net.websocket.fanout import Fanout
from zefnb.topics.hub import Hub

numpy = pytest.importorskip("numpy")
NAN = float("nan")


@pytest.fixture
def declared():
    """Forget after the test what it declares."""
    table = dict(converters._table)
    yield
    converters._table.clear()
    converters._table.update(table)
    converters._found.clear()


def served(topic: Any, **options: Any) -> Any:
    route = ET.WebSocket(clients_subscribe_to=[topic], **options)
    return FX.StartHTTPServer(routes={"/ws": route}, port=0) | run


@pytest.mark.parametrize("options", [{}, {"compression": True}], ids=["plain", "compressed"])
def test_an_array_and_a_time_reach_a_client_as_json(connect, topic, options):
    client = connect(served(topic, **options))
    for content in (numpy.arange(3), datetime(2026, 1, 2), {"rows": {date(2026, 1, 2): numpy.float32(0.5)}}, {1}):
        FX.Publish(target=topic, content=content) | run
    assert [client.recv(20) for _ in range(4)] == [
        "[0, 1, 2]",
        '"2026-01-02T00:00:00"',
        '{"rows": {"2026-01-02": 0.5}}',
        "[1]",
    ]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (object(), r"content: .*object"),
        ({"a": [Fraction(1, 2)]}, r"content\['a'\]\[0\]: .*Fraction"),
        ({"a": b"x"}, r"content\['a'\]: .*bytes"),
        ({"a": {(1, 2): 3}}, r"content\['a'\]: .*tuple"),
        ("half \ud800", r"content: .*half .ud800' \(str\)"),
        ({"a": ["fine", "\udfff"]}, r"content\['a'\]\[1\]: text with half a surrogate pair"),
        ({"\ud800": 1}, r"content\['.ud800'\]: text with half a surrogate pair"),
        (ET.Guest(name="\ud800"), r"content\.name: text with half a surrogate pair"),
        (numpy.array(["fine", "\ud800"]), r"content\[1\]: text with half a surrogate pair"),
        (10**5_000, r"content: it has an int of too many digits"),
        ({"rows": [{"n": -(10**4_300)}]}, r"content\['rows'\]\[0\]\['n'\]: it has an int of too many digits"),
        ({10**5_000: 1}, r"content\[.*16,610 bits.*\]: it has an int of too many digits"),
    ],
    ids=lambda given: "" if not isinstance(given, str) or "\ud800" in given else None,
)
def test_what_cannot_be_sent_is_raised_where_it_is_published_when_a_client_is_connected(
    connect, topic, until, content, named
):
    server = served(topic)
    assert (FX.Publish(target=topic, content=content) | run) == ET.Success()
    client = connect(server)
    until(lambda: FX.StreamGraphSnapshot() | run)
    with pytest.raises(InvalidValue, match=rf"^FX.Publish: {named}"):
        FX.Publish(target=topic, content=content) | run
    FX.Publish(target=topic, content="after") | run
    assert client.recv(20) == "after"
    assert journal("error") == []


@pytest.mark.parametrize("content", ["\ud800", {"a": "\ud800"}, [10**5_000]], ids=["text", "half", "digits"])
def test_half_a_pair_and_a_long_int_returned_by_an_actor_are_faults_of_its_handler(connect, topic, until, content):
    connect(served(topic))
    until(lambda: FX.StreamGraphSnapshot() | run)
    actor = FX.StartActor(initial_state=0, handler=lambda m, s: [[FX.Publish(target=topic, content=content)], s]) | run
    FX.Publish(target=actor.input, content="go") | run
    (entry,) = until(lambda: journal("error"))
    assert "lambda" in entry["handler"]
    assert re.search(r"content(|\['a'\]|\[0\]): (text|it)", entry["message"])


def test_what_is_published_to_clients_and_functions_is_encoded_once_and_each_function_has_a_copy(
    connect, topic, until, declared
):
    encoded: list[Any] = []
    converter(Fraction)(lambda value: encoded.append(value) or str(value))
    server = (
        FX.StartHTTPServer(
            routes={
                f"/{nan}": ET.WebSocket(clients_subscribe_to=[topic], nan=nan, history=1) for nan in ("null", "refuse")
            },
            port=0,
        )
        | run
    )
    seen: list[Any] = []
    for _ in range(2):
        FX.SubscribeFX(topic=topic, op=lambda message: message["rows"].append(seen.append(message))) | run
    clients = [connect(server, path) for path in ("/null", "/refuse")]
    until(lambda: len(FX.QueryAllConnectedWebsocketClients(http_server=server) | run) == 2)
    content = {"rows": [Fraction(1, 2)]}
    FX.Publish(target=topic, content=content) | run
    assert [client.recv(20) for client in clients] == ['{"rows": ["1/2"]}'] * 2
    until(lambda: seen == [{"rows": [Fraction(1, 2), None]}] * 2)
    assert encoded == [Fraction(1, 2)]
    assert content == {"rows": [Fraction(1, 2)]}


def test_a_topic_without_clients_takes_every_value(topic, until):
    seen: list[Any] = []
    FX.SubscribeFX(topic=topic, op=lambda message: seen.append(message)) | run
    FX.Publish(target=topic, content={"f": Fraction(1, 2)}) | run
    until(lambda: seen == [{"f": Fraction(1, 2)}])


def test_an_effect_of_a_handler_that_cannot_be_sent_is_a_fault_of_the_handler(connect, topic, until):
    def handler(message: Any, state: Any) -> Any:
        return [[FX.Publish(target=topic, content=Fraction(1, 2))], state]

    connect(served(topic))
    until(lambda: FX.StreamGraphSnapshot() | run)
    actor = FX.StartActor(initial_state=0, handler=handler) | run
    FX.Publish(target=actor.input, content="go") | run
    (entry,) = until(lambda: journal("error"))
    assert "handler" in entry["handler"]
    assert "Fraction" in entry["message"]


def test_different_mistakes_are_different_entries_of_the_journal_and_the_same_one_is_counted(topic, connect, until):
    connect(served(topic, nan="refuse"))
    until(lambda: FX.StreamGraphSnapshot() | run)
    hub = default_runtime().service(Hub)
    for content in (NAN, "half \ud800", NAN, [NAN], {"a": "half \ud800"}):
        on_loop(functools.partial(hub.publish, topic, content))
    until(lambda: sum(entry["count"] for entry in journal("error")) == 5)
    assert sorted(entry["count"] for entry in journal("error")) == [2, 3]


def test_different_types_that_a_timer_cannot_send_are_different_entries(topic, connect, until):
    connect(served(topic))
    until(lambda: FX.StreamGraphSnapshot() | run)
    for content in (Fraction(1, 2), 1j):
        FX.StartTimer(interval=0.005, target=topic, content=content) | run
    until(lambda: len(journal("error")) == 2 and all(entry["count"] > 2 for entry in journal("error")))
    assert {kind for entry in journal("error") for kind in ("Fraction", "complex") if kind in entry["message"]} == {
        "Fraction",
        "complex",
    }


def test_the_error_of_a_delivery_does_not_read_all_that_its_subscriber_refers_to(topic, connect, until, monkeypatch):
    connect(served(topic))
    until(lambda: FX.StreamGraphSnapshot() | run)
    read = []
    monkeypatch.setattr("zefnb.text.short_repr.is_small", lambda value: read.append(type(value)) or True)
    FX.StartTimer(interval=0.005, target=topic, content=1j) | run
    until(lambda: journal("error") and journal("error")[0]["count"] > 2)
    assert Fanout not in read


@pytest.mark.parametrize("compression", [False, True])
def test_each_route_decides_what_nan_becomes_for_its_clients(connect, topic, until, compression):
    routes = {
        f"/{nan}": ET.WebSocket(clients_subscribe_to=[topic], nan=nan, compression=compression)
        for nan in ("null", "refuse")
    }
    server = FX.StartHTTPServer(routes=routes, port=0) | run
    page, exact = connect(server, "/null"), connect(server, "/refuse")
    until(lambda: len(FX.QueryAllConnectedWebsocketClients(http_server=server) | run) == 2)
    for content in ([1.5, NAN, -float("inf")], numpy.array([NAN]), "after"):
        FX.Publish(target=topic, content=content) | run
    assert [page.recv(20) for _ in range(3)] == ["[1.5, null, null]", "[null]", "after"]
    assert exact.recv(20) == "after"


@pytest.mark.parametrize(("nan", "expected"), [("null", "[null]"), ("refuse", "after")])
def test_so_does_a_route_with_actors(connect, nan, expected):
    def handler(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            return [[FX.Publish(target=message.topic_out, content=each) for each in ([NAN], "after")], state]
        return [[], state]

    route = ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=handler), nan=nan)
    server = FX.StartHTTPServer(routes={"/ws": route}, port=0) | run
    assert connect(server).recv(20) == expected


@pytest.mark.parametrize(
    ("response", "named"),
    [
        ("\ud800", "text"),
        ({"a": ["\ud800"]}, r"JSON: value\['a'\]\[0\]"),
        ({"\ud800": 1}, r"JSON: value\['.ud800'\]"),
        ({"a": 10**5_000}, r"JSON: value\['a'\]"),
        (ET.HTML(content="\ud800"), r"ET\.HTML\.content"),
        (ET.Response(body="\ud800"), r"ET\.Response\.body"),
        (ET.JSON(content=["\ud800"]), r"JSON: value\[0\]"),
        (ET.Redirect(url="/\ud800"), r"ET\.Redirect\.url"),
    ],
    ids=["text", "dict", "key", "int", "html", "response", "json", "redirect"],
)
def test_a_response_with_half_a_pair_or_a_long_int_is_500_and_the_entry_names_the_place(response, named, until):
    server = FX.StartHTTPServer(routes={"/": lambda request: response}, port=0) | run
    assert httpx.get(f"http://127.0.0.1:{server.port}/").status_code == 500
    (entry,) = until(lambda: journal("error"))
    assert re.search(rf"{named}: (text with half a surrogate pair|it has an int of too many digits)", entry["message"])


def test_a_database_keeps_half_a_pair_and_a_long_int(tmp_path):
    kept = {"half": "\ud800", "\ud800": {"deep": ["\udfff"]}, "long": 10**5_000, 10**5_000: "key"}
    for options in ({}, {"persistence": "local_disk", "path": str(tmp_path / "a.db")}):
        db = FX.CreateDB(type=DictDatabase, **options) | run
        FX.UpdateDB(db=db, insert=kept) | run
        assert all((FX.QueryDB(db=db, get=key) | run) == value for key, value in kept.items())


def test_handlers_and_routes_return_such_values():
    answers = {
        "array": numpy.array([1.5, NAN]),
        "time": datetime(2026, 1, 2),
        "set": {1},
        "dict": {numpy.int64(3): date(2026, 1, 2)},
        "json": ET.JSON(content=(NAN,)),
        "response": ET.Response(status=201, body=numpy.arange(2)),
    }
    routes = {f"/value/{name}": value for name, value in answers.items()}
    server = FX.StartHTTPServer(routes={**routes, "/{name}": lambda r: answers[r.name]}, port=0) | run
    texts = {}
    for name in answers:
        for path in (f"/{name}", f"/value/{name}"):
            got = httpx.get(f"http://127.0.0.1:{server.port}{path}")
            assert got.headers["content-type"] == "application/json"
            assert got.status_code == (201 if name == "response" else 200)
            texts.setdefault(name, set()).add(got.text)
    assert texts == {
        "array": {"[1.5, null]"},
        "time": {'"2026-01-02T00:00:00"'},
        "set": {"[1]"},
        "dict": {'{"3": "2026-01-02"}'},
        "json": {"[null]"},
        "response": {"[0, 1]"},
    }


def test_responses_of_different_types_without_a_converter_are_different_entries(until):
    answers = {"fraction": {"x": Fraction(1, 2)}, "complex": {"x": 1j}}
    server = FX.StartHTTPServer(routes={"/{name}": lambda r: answers[r.name]}, port=0) | run
    for name in ("fraction", "complex", "fraction"):
        assert httpx.get(f"http://127.0.0.1:{server.port}/{name}").status_code == 500
    until(lambda: sorted(entry["count"] for entry in journal("error")) == [1, 2])


def test_an_outward_client_sends_such_values_and_refuses_nan(connect, topic, until):
    outbox = ET.Topic(generate_uid())
    server = (
        FX.StartHTTPServer(
            routes={
                "/in": ET.WebSocket(clients_push_into_=[topic]),
                "/out": ET.WebSocket(clients_subscribe_to=[topic]),
            },
            port=0,
        )
        | run
    )
    reader = connect(server, "/out")
    client = FX.StartWebSocketClient(url=f"ws://127.0.0.1:{server.port}/in", out_stream_from=outbox) | run
    for content in (numpy.arange(2), [NAN], {"at": date(2026, 1, 2)}):
        FX.Publish(target=outbox, content=content) | run
    assert [json.loads(reader.recv(20)) for _ in range(2)] == [[0, 1], {"at": "2026-01-02"}]
    assert "NaN" in until(lambda: journal("error"))[0]["message"]
    with pytest.raises(InvalidValue, match="Fraction"):
        FX.Publish(target=outbox, content=Fraction(1, 2)) | run
    FX.StopWebSocketClient(client=client) | run
