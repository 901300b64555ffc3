"""Every misuse raises one exception of `errors.py`: the effect, the field, the given value, the allowed values."""

from __future__ import annotations

import pickle
import socket

import pytest

import zefnb.errors
from zefnb import ET, FX, Any, EntityUid, Time, generate_uid, insert_into, run, take
from zefnb.errors import (
    FieldError,
    InvalidEffect,
    InvalidValue,
    MissingField,
    NotRunning,
    PortUnavailable,
    UnknownKey,
    UnknownName,
    UsageError,
    ZefError,
    did_you_mean,
    shown,
)


def take_it(msg, state):
    return [[], state]


TOPIC = ET.Topic("t")
START = "FX.StartHTTPServer"
ACTOR = {"initial_state": 0, "handler": take_it}


def with_route(value, key="/ws"):
    return lambda: FX.StartHTTPServer(routes={key: value}, port=0) | run


# What is done wrong; the error; what its text must name: the effect, the field, the given, the allowed.
MISUSES = {
    "an unknown effect": (lambda: FX.Publisch, UnknownName, ["FX.Publisch", "did you mean 'Publish'"]),
    "an unknown field": (
        lambda: FX.Publish(taget=TOPIC),
        InvalidEffect,
        ["FX.Publish", "taget", "target, content", "did you mean 'target'"],
    ),
    "a missing field": (
        lambda: FX.Publish(content=1) | run,
        InvalidEffect,
        ["FX.Publish", "target", "missing", "Topic"],
    ),
    "a wrong type": (
        lambda: FX.Publish(target="chat", content=1),
        InvalidEffect,
        ["FX.Publish", "target", "'chat' (str)", "Topic"],
    ),
    "fields by position": (lambda: FX.Publish(TOPIC, 1), InvalidEffect, ["FX.Publish", "by name", "target, content"]),
    "a WebSocket with nothing": (
        with_route(ET.WebSocket()),
        InvalidEffect,
        [START, "/ws", "clients_subscribe_to", "clients_push_into_", "actor"],
    ),
    "a WebSocket with topics that are strings": (
        with_route(ET.WebSocket(clients_subscribe_to=["chat"])),
        InvalidEffect,
        [START, "/ws", "clients_subscribe_to", "'chat' (str)", "ET.Topic"],
    ),
    "a WebSocket with both topics and an actor": (
        with_route(ET.WebSocket(clients_subscribe_to=[TOPIC], actor=FX.StartActor(**ACTOR))),
        InvalidEffect,
        [START, "/ws", "actor"],
    ),
    "a WebSocket with a misspelt field": (
        with_route(ET.WebSocket(clients_push_into=[TOPIC])),
        InvalidEffect,
        [START, "/ws", "clients_push_into", "did you mean 'clients_push_into_'"],
    ),
    "a path without a slash": (with_route("hi", "ws"), InvalidEffect, [START, "'ws'", "/"]),
    "a route that is no path": (with_route("hi", 5), InvalidEffect, [START, "5"]),
    "an actor in a route with both rules and a handler": (
        with_route(ET.WebSocket(actor=FX.StartActor(**ACTOR, rules={(Any, Any): take_it}))),
        InvalidEffect,
        ["/ws", "both `rules` and `handler`", "exactly one"],
    ),
    "an actor in a route with neither": (
        with_route(ET.WebSocket(actor=FX.StartActor(initial_state=0))),
        InvalidEffect,
        ["/ws", "neither `rules` nor `handler`", "exactly one"],
    ),
    "an actor in a route that is a handler": (
        with_route(ET.WebSocket(actor=take_it)),
        InvalidEffect,
        [START, "/ws", "actor", "take_it", "FX.StartActor"],
    ),
    "an actor with both rules and a handler": (
        lambda: FX.StartActor(**ACTOR, rules={(Any, Any): take_it}) | run,
        InvalidEffect,
        ["FX.StartActor", "both `rules` and `handler`"],
    ),
    "a port out of range": (
        lambda: FX.StartHTTPServer(routes={"/": "x"}, port=70_000) | run,
        InvalidEffect,
        [START, "port", "70000", "65535"],
    ),
    "a port that is text": (
        lambda: FX.StartHTTPServer(routes={}, port="8000"),
        InvalidEffect,
        ["port", "'8000'", "int"],
    ),
    "a server that never was": (
        lambda: FX.StopHTTPServer(server=ET.HTTPServer(generate_uid())) | run,
        NotRunning,
        ["ET.HTTPServer(", "belongs to another process"],
    ),
    "a path that a server does not have": (
        lambda: FX.QueryAllConnectedWebsocketClients(http_server=_server(), path="/nowhere") | run,
        InvalidEffect,
        ["FX.QueryAllConnectedWebsocketClients", "path", "'/nowhere'", "/ws"],
    ),
    "a client that is not connected": (
        lambda: FX.CloseWebSocketConnection(http_server=_server(), channel_id=7) | run,
        NotRunning,
        ["7", "connected: none"],
    ),
    "a bad uid": (lambda: EntityUid("🍃-xyz"), InvalidValue, ["🍃-xyz", "20"]),
    "a bad uid of a topic": (lambda: ET.Topic("🍃-12"), InvalidValue, ["ET.Topic", "🍃-12", "20"]),
    "a name that is no text": (lambda: ET.Topic(5), InvalidValue, ["ET.Topic", "5"]),
    "an entity type in small letters": (lambda: ET.guest, UnknownName, ["ET.guest", "ET.Guest"]),
    "a field that an entity does not have": (
        lambda: ET.Guest(name="Ada").nmae,
        MissingField,
        ["ET.Guest", "nmae", "name", "did you mean 'name'"],
    ),
    "an unknown key of a database": (lambda: _database()["nothing"], UnknownKey, ["nothing"]),
    "a template of a field that there is not": (
        lambda: insert_into(FX.Publish(), "contnet")("x"),
        ZefError,
        ["contnet", "did you mean 'content'"],
    ),
    "an op with an argument too many": (lambda: take(1, 2, 3), InvalidValue, ["take", "n"]),
    "a time that is none": (lambda: Time("yesterday"), InvalidValue, ["Time", "'yesterday'", "ISO 8601"]),
    "a delta that is none": (
        lambda: FX.UpdateRunningHTTPServer(server=_server(), delta=[ET.Insert(path=["/x"])]) | run,
        InvalidEffect,
        ["FX.UpdateRunningHTTPServer", "delta[0]", "ET.InsertIn"],
    ),
    "a rule whose key is no pair": (
        lambda: FX.StartActor(initial_state=0, rules={Any: take_it}) | run,
        InvalidEffect,
        ["FX.StartActor", "rules[0]", "(message pattern, state pattern)"],
    ),
}


def _server():
    return FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[TOPIC])}, port=0) | run


def _database():
    from zefnb import DictDatabase

    return FX.CreateDB(type=DictDatabase, persistence="in_memory") | run


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_misuse_raises_one_exception_that_says_what_is_wrong_and_what_is_right(misuse):
    do, kind, named = MISUSES[misuse]
    with pytest.raises(ZefError) as caught:
        do()
    assert isinstance(caught.value, kind)
    for part in named:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"
    assert FX.QueryLog(level="error") | run == []


def test_a_busy_port_raises_and_the_error_names_it_with_advice():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortUnavailable, match=str(port)):
            FX.StartHTTPServer(routes={"/": "x"}, port=port) | run
    server = _server()
    with pytest.raises(PortUnavailable, match=rf"{server.port}.*allow_restart=True"):
        FX.StartHTTPServer(routes={"/": "x"}, port=server.port) | run


def test_every_effect_raises_for_a_stopped_server():
    server = _server()
    FX.StopHTTPServer(server=server) | run
    for effect in (
        FX.StopHTTPServer(server=server),
        FX.QueryHTTPServer(server=server),
        FX.QueryAllWebsocketEndpoints(http_server=server),
        FX.QueryAllConnectedWebsocketClients(http_server=server),
        FX.CloseWebSocketConnection(http_server=server, channel_id=0),
        FX.UpdateRunningHTTPServer(server=server, delta=[]),
    ):
        with pytest.raises(NotRunning, match="has been stopped"):
            effect | run


def test_a_stop_is_remembered_over_thousands_of_later_ends():
    server = _server()
    FX.StopHTTPServer(server=server) | run
    for _ in range(5):
        actors = [FX.StartActor(**ACTOR) for _ in range(400)] | run
        [FX.StopActor(actor=actor) for actor in actors] | run
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.StopHTTPServer(server=server) | run


def test_one_error_lists_all_mistakes_of_a_call():
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes=[], port="x", prot=1)
    assert {fault.field for fault in caught.value.faults} == {"routes", "port", "prot"}
    assert "3 faults" in str(caught.value)
    routes = {"ws": "x", "/a": ET.WebSocket(), "/b": ET.WebSocket(actor=5), "/c": "fine"}
    with pytest.raises(InvalidEffect) as caught:
        FX.StartHTTPServer(routes=routes, port=0) | run
    assert len(caught.value.faults) >= 3
    assert FX.QueryAllActiveHTTPServers() | run == []


def test_every_error_is_in_one_tree_and_also_a_standard_exception():
    kinds = [k for k in vars(zefnb.errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert all(issubclass(kind, ZefError) for kind in kinds)
    builtin = {
        "InvalidEffect": TypeError,
        "InvalidValue": ValueError,
        "InvalidBody": ValueError,
        "UnsupportedType": TypeError,
        "UnknownName": AttributeError,
        "MissingField": AttributeError,
        "UnknownKey": KeyError,
        "NotRunning": LookupError,
        "WouldBlock": RuntimeError,
        "NotPerformed": RuntimeError,
        "PortUnavailable": OSError,
        "ConnectionFailed": ConnectionError,
        "ClusterUnavailable": ConnectionError,
        "CertificateUnavailable": RuntimeError,
        "NotInstalled": ImportError,
        "StorageFailed": OSError,
        "Interrupted": RuntimeError,
    }
    for kind in kinds:
        assert kind in (ZefError, UsageError) or issubclass(kind, builtin[kind.__name__])
        assert f" {kind.__name__} " in f" {zefnb.errors.__doc__} ".replace("\n", " ")


def test_an_error_crosses_a_process_border():
    error = InvalidEffect("FX.Publish", [FieldError("target", "got 5", "ET.Topic")])
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.faults) == (str(error), error.faults)


def test_a_value_is_shown_with_its_type_and_cut_to_a_readable_length():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert shown("x" * 500).endswith("… (str)")
    assert len(shown("x" * 500)) < 100
    assert shown(None) == "None"
    assert shown(int) == "<class 'int'>"
    assert shown(Broken()) == "<unprintable> (Broken)"


def test_only_close_names_are_suggested():
    assert did_you_mean("contnet", ["target", "content"]) == "did you mean 'content'?"
    assert did_you_mean("xyz", ["target", "content"]) == ""
