"""Values of many types, published to clients and returned by handlers."""

from __future__ import annotations

import json
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import httpx
import pytest

from tests.net.conftest import journal
from zefnb import ET, FX, generate_uid, run
from zefnb.errors import InvalidValue

numpy = pytest.importorskip("numpy")
NAN = float("nan")


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
    [(object(), "object"), ({"a": [Fraction(1, 2)]}, "Fraction"), ({"a": b"x"}, "bytes"), ({(1, 2): 3}, "tuple")],
    ids=["alone", "deep", "bytes", "key"],
)
def test_what_cannot_be_sent_is_raised_where_it_is_published_when_a_client_is_connected(
    connect, topic, until, content, named
):
    server = served(topic)
    assert (FX.Publish(target=topic, content=content) | run) == ET.Success()
    client = connect(server)
    until(lambda: FX.StreamGraphSnapshot() | run)
    with pytest.raises(InvalidValue, match=rf"^FX.Publish: .*{named}"):
        FX.Publish(target=topic, content=content) | run
    FX.Publish(target=topic, content="after") | run
    assert client.recv(20) == "after"
    assert journal("error") == []


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
    for content in (NAN, "half \ud800", NAN, [NAN], {"a": "half \ud800"}):
        FX.Publish(target=topic, content=content) | run
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


def test_handlers_and_routes_answer_with_such_values():
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


def test_answers_of_different_types_without_a_converter_are_different_entries():
    answers = {"fraction": {"x": Fraction(1, 2)}, "complex": {"x": 1j}}
    server = FX.StartHTTPServer(routes={"/{name}": lambda r: answers[r.name]}, port=0) | run
    for name in ("fraction", "complex", "fraction"):
        assert httpx.get(f"http://127.0.0.1:{server.port}/{name}").status_code == 500
    assert sorted(entry["count"] for entry in journal("error")) == [1, 2]


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
