"""The messages that handlers receive have the fields of their shapes, with values of the declared types."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from tests.core.test_shapes import type_of
from zefnb import ET, FX, run
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES, of_kind
from zefnb.core.shapes.shape import MAY_BE_MISSING
from zefnb.core.types import match

TESTED = {"Request", "Sent", "WSClientConnected", "WSClientDisconnected", "WSServerConnected", "WSServerDisconnected"}
TESTED |= {"ClientJoined", "ClientLeft"}


def collector() -> tuple[list[Any], Any]:
    """A list of the messages that an actor has received, and the actor's effect."""
    seen: list[Any] = []

    def handler(message: Any, state: Any) -> Any:
        seen.append(message)
        return [[], state]

    return seen, FX.StartActor(initial_state=None, handler=handler)


def fits(message: Any, *missing: str, more: tuple[str, ...] = ()) -> None:
    """Compare a message with its shape: the fields in `missing` can be, and are, missing."""
    shape = SHAPES[type(message).__name__]
    given = fields_of(message)
    assert given.keys() == shape.fields.keys() - set(missing) | set(more)
    assert all(shape.fields[name].default is MAY_BE_MISSING for name in missing)
    for name, field in shape.fields.items():
        if name in given:
            assert match(type_of(field), given[name]), f"{shape.name}.{name}: {field.type} is {given[name]!r}"


def test_every_message_is_tested():
    assert {shape.name for shape in of_kind("message")} == TESTED | {"ActorContext"}


@pytest.mark.parametrize("body", [b"text", b"\xff\xfe", b""])
def test_a_request(body):
    seen = []
    server = FX.StartHTTPServer(routes={("POST", "/room/{name}"): lambda r: seen.append(r)}, port=0) | run
    httpx.post(f"http://127.0.0.1:{server.port}/room/red?x=1", content=body)
    fits(seen[0], "user", more=("name",))


def test_a_request_with_a_form_and_without_variables():
    seen = []
    server = FX.StartHTTPServer(routes={("POST", "/"): lambda r: seen.append(r)}, port=0) | run
    httpx.post(f"http://127.0.0.1:{server.port}/", data={"name": "Ada"}, files={"photo": b"\x00\x01"})
    fits(seen[0], "user")
    assert seen[0].form_data["name"] == "Ada"


def test_a_message_with_its_sender(connect, until):
    seen, room = [], ET.Topic("room")
    FX.SubscribeFX(topic=room, op=seen.append) | run
    route = ET.WebSocket(clients_push_into_=[room], sender=True)
    client = connect(FX.StartHTTPServer(routes={"/ws": route}, port=0) | run)
    client.send("hello")
    until(lambda: seen)
    fits(seen[0], "user")
    client.close()


@pytest.mark.parametrize(("path", "missing"), [("/ws", ["path_params"]), ("/ws/{room}", [])])
def test_a_client_that_joins_and_leaves(connect, until, path, missing):
    seen, who = [], ET.Topic("who")
    FX.SubscribeFX(topic=who, op=seen.append) | run
    server = FX.StartHTTPServer(routes={path: ET.WebSocket(clients_subscribe_to=[who], presence=who)}, port=0) | run
    connect(server, path.replace("{room}", "red")).close()
    until(lambda: len(seen) == 2)
    assert [type(message) for message in seen] == [ET.ClientJoined, ET.ClientLeft]
    for message in seen:
        fits(message, "origin", "user", *missing)


def test_a_client_that_connects_and_disconnects(connect, until):
    seen, actor = collector()
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
    connect(server, "/ws?x=1").close()
    until(lambda: len(seen) == 2)
    assert [type(message) for message in seen] == [ET.WSClientConnected, ET.WSClientDisconnected]
    fits(seen[0], "origin", "path_params", "user")
    fits(seen[1], "origin")


def test_a_client_of_a_page_on_a_path_with_variables(connect, until):
    seen, actor = collector()
    server = FX.StartHTTPServer(routes={"/ws/{room:int}": ET.WebSocket(actor=actor)}, port=0) | run
    client = connect(server, "/ws/7", origin=f"http://127.0.0.1:{server.port}")
    client.socket.shutdown(socket.SHUT_RDWR)  # without a closing handshake
    until(lambda: len(seen) == 2)
    fits(seen[0], "user")
    fits(seen[1])


@pytest.mark.parametrize("subprotocols", [(), ("v1",)])
def test_an_outward_connection_that_opens_and_ends(subprotocols, until):
    routes = {"/ws": ET.WebSocket(clients_push_into_=[ET.Topic("t")], subprotocols=["v1"])}
    server = FX.StartHTTPServer(routes=routes, port=0) | run
    seen, actor = collector()
    url = f"ws://127.0.0.1:{server.port}/ws"
    client = FX.StartWebSocketClient(url=url, actor=actor, subprotocols=subprotocols) | run
    until(lambda: seen)
    fits(seen[0], *([] if subprotocols else ["subprotocol"]))
    FX.StopHTTPServer(server=server) | run
    until(lambda: len(seen) == 2)
    fits(seen[1])
    FX.StopWebSocketClient(client=client) | run


def test_the_context_of_an_actor(until):
    seen = []

    def handler(message: Any, state: Any, context: Any) -> Any:
        seen.append(context)
        return [[], state]

    for number, given in enumerate([ET.Topic("0"), [ET.Topic("1"), ET.Topic("2")]]):
        actor = FX.StartActor(initial_state=None, handler=handler, input=given) | run
        FX.Publish(target=ET.Topic(str(number)), content="x") | run
        until(lambda number=number: len(seen) == number + 1)
        fits(seen[-1])
        assert match(type_of(SHAPES["Actor"].fields["input"]), actor.input)
