"""A slow `__str__` or `__repr__` of a user's object delays nobody else: its text is made where the handler ran."""

from __future__ import annotations

import asyncio
import http.client
import threading
from contextlib import closing

import pytest

from zefnb import ET, FX, converter, generate_uid, run, zef_function

KINDS = ["plain", "async"]


class Gate:
    """Holds the text of an object until the test has done something else meanwhile."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()
        self.thread = None

    def text(self):
        self.thread = threading.current_thread().name
        self.reached.set()
        return "in time" if self.opened.wait(20) else "too late"


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


def slow_values(gate):
    class SlowError(Exception):
        def __str__(self):
            return gate.text()

    class Slow:
        def __repr__(self):
            return gate.text()

    return SlowError, Slow


@zef_function(inline=True)
def echo(msg, state):
    if isinstance(msg, str):
        return [[FX.Publish(target=state, content=msg)], state]
    return [[], msg.topic_out if isinstance(msg, ET.WSClientConnected) else state]


def serve(bad_handler, routes=None):
    """A server with an echo at /ws and an actor with the handler under test at /bad."""
    echoing = ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=echo))
    bad = ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=bad_handler))
    return FX.StartHTTPServer(routes={"/ws": echoing, "/bad": bad, **(routes or {})}, port=0) | run


def as_kind(kind, handler):
    if kind == "plain":
        return handler

    async def handle(*args):
        return handler(*args)

    return handle


def others_go_on(client, gate):
    """Whether a neighbour's messages return while the text is being made; then the text is completed."""
    assert gate.reached.wait(20)
    for n in range(20):
        client.send(f"{n}")
        assert client.recv(20) == f"{n}"
    gate.opened.set()


def failing(what, gate):
    """A handler that fails by the text "bad" with a value whose text waits for the gate."""
    slow_error, slow = slow_values(gate)

    def handle(msg, state):
        if msg != "bad":
            return [[], state]
        if what == "an exception":
            raise slow_error
        if what == "a part of an exception":
            raise ValueError(slow())
        if what == "a cause":
            raise ValueError("outer") from slow_error()
        value = slow()
        return {"a result": value, "effects": [value, state], "an effect": [[value], state]}[what]

    return handle


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "what", ["an exception", "a part of an exception", "a cause", "a result", "effects", "an effect"]
)
def test_the_text_of_an_error_of_an_actor_does_not_delay_other_clients(what, kind, gate, connect, until):
    server = serve(as_kind(kind, failing(what, gate)))
    neighbour, client = connect(server), connect(server, "/bad")
    client.send("bad")
    others_go_on(neighbour, gate)
    until(lambda: FX.QueryLog(level="error") | run)
    [entry] = FX.QueryLog(level="error") | run
    assert "in time" in entry["message"] + entry["traceback"]
    assert gate.thread == "zefnb-handlers"


def test_the_text_of_an_error_of_a_task_that_nobody_awaits_does_not_delay_other_clients(gate, connect, until):
    slow_error, _ = slow_values(gate)

    async def fail():
        raise slow_error

    async def handle(msg, state):
        if msg == "bad":
            asyncio.get_running_loop().create_task(fail())
        return [[], state]

    server = serve(handle)
    neighbour, client = connect(server), connect(server, "/bad")
    client.send("bad")
    others_go_on(neighbour, gate)
    until(lambda: FX.QueryLog(level="error") | run)
    [entry] = FX.QueryLog(level="error") | run
    assert "in time" in entry["message"]
    assert gate.thread == "zefnb-log"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("logging", [False, True])
def test_the_text_of_a_message_does_not_delay_other_clients(logging, kind, gate, connect, until):
    _, slow = slow_values(gate)
    count = 0

    def handle(msg, state):
        nonlocal count
        count += 1
        if count == 1 and not logging:
            raise ValueError("no")
        return [[], state]

    neighbour, topic = connect(serve(echo)), ET.Topic(generate_uid())
    FX.StartActor(input=topic, initial_state=None, handler=as_kind(kind, handle), logging=logging) | run
    FX.Publish(target=topic, content=slow()) | run
    others_go_on(neighbour, gate)
    FX.Publish(target=topic, content="next") | run
    until(lambda: count == 2)
    shown = [str(entry.get("input", "")) + entry["message"] for entry in FX.QueryLog() | run]
    assert any("in time" in text for text in shown)


def a_request_fails_while_others_go_on(server, neighbour, gate):
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as client:
        client.request("GET", "/")
        others_go_on(neighbour, gate)
        assert client.getresponse().status == 500
    [entry] = FX.QueryLog(level="error") | run
    assert "in time" in entry["message"]
    assert gate.thread == "zefnb-handlers"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["an exception", "a part of an exception"])
def test_the_text_of_an_error_of_a_request_does_not_delay_other_clients(what, kind, gate, connect):
    fails = failing(what, gate)
    server = serve(echo, {"/": as_kind(kind, lambda request: fails("bad", None))})
    neighbour = connect(server)
    a_request_fails_while_others_go_on(server, neighbour, gate)


def content_that_cannot_be_sent(what, gate):
    slow_error, slow = slow_values(gate)

    class Broken:
        """Its converter fails, with a text that waits for the gate."""

    @converter(Broken)
    def broken(value):
        raise slow_error

    return Broken() if what == "a converter" else {(1, slow()): 1}


@pytest.fixture(params=["a converter", "a key"])
def content(request, gate):
    return content_that_cannot_be_sent(request.param, gate)


@pytest.mark.parametrize("kind", [*KINDS, "inline"])
def test_the_text_of_an_error_of_an_effect_does_not_delay_other_clients(kind, content, gate, connect, until):
    handled = []

    def handle(msg, state):
        handled.append(msg)
        return [[FX.Publish(target=state, content=content)] if msg == "bad" else [], topic_of(msg, state)]

    server = serve(zef_function(inline=True)(handle) if kind == "inline" else as_kind(kind, handle))
    neighbour, client = connect(server), connect(server, "/bad")
    client.send("bad")
    client.send("next")
    others_go_on(neighbour, gate)
    until(lambda: "next" in handled)
    [entry] = FX.QueryLog(level="error") | run
    assert "in time" in entry["message"]
    assert gate.thread == "zefnb-handlers"


def test_the_text_of_an_error_of_a_published_message_does_not_delay_other_clients(content, gate, connect, until):
    topic = ET.Topic(generate_uid())
    server = serve(echo, {"/topic": ET.WebSocket(clients_subscribe_to=[topic])})
    neighbour, _ = connect(server), connect(server, "/topic")

    @zef_function(inline=True)
    def publish(msg):
        return FX.Publish(target=topic, content=content)

    started = ET.Topic(generate_uid())
    FX.SubscribeFX(topic=started, op=publish) | run
    FX.Publish(target=started, content="now") | run
    others_go_on(neighbour, gate)
    until(lambda: FX.QueryLog(level="error") | run)
    [entry] = FX.QueryLog(level="error") | run
    assert "in time" in entry["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_an_error_of_an_effect_of_a_request_does_not_delay_other_clients(kind, content, gate, connect):
    topic = ET.Topic(generate_uid())

    def handle(request):
        return [[FX.Publish(target=topic, content=content)], "done"]

    server = serve(echo, {"/": as_kind(kind, handle), "/topic": ET.WebSocket(clients_subscribe_to=[topic])})
    neighbour, _ = connect(server), connect(server, "/topic")
    a_request_fails_while_others_go_on(server, neighbour, gate)


def topic_of(msg, state):
    return msg.topic_out if isinstance(msg, ET.WSClientConnected) else state
