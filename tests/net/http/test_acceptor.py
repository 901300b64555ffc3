"""The acceptor: as many connections as there is room for, and a polite word for the others."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.net.conftest import inside, journal
from tests.net.wire import Wire, frame
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect
from zefnb.net.http import acceptor

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def asked(wire: Wire) -> int:
    wire.send(GET)
    return wire.read_response()[0]


@pytest.mark.parametrize("kind", ["silent", "http", "websocket"])
def test_a_connection_beyond_the_limit_is_refused_and_the_others_continue(
    serve: Any, raw: Any, topic: Any, until: Any, kind: str
):
    routes = {"/": "up", "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}
    server = serve(routes, max_connections=3)
    within = [raw(server) if kind == "websocket" else raw(server, None) for _ in range(3)]
    if kind == "http":
        assert [asked(wire) for wire in within] == [200] * 3
    state = inside(server)
    until(lambda: len(state._connections) + len(state._state.connections) == 3)
    for _ in range(40):
        status, headers, body = raw(server, None).read_response()
        assert (status, headers["retry-after"], body) == (503, "1", b"503 too many connections\n")
    (line,) = journal("warning")
    assert (line["count"], line["server"]) == (40, server)
    assert "3 clients are connected, as many as max_connections allows" in line["message"]
    if kind == "websocket":
        within[0].send(frame("still here"))
        assert [wire.read().payload for wire in within] == [b"still here"] * 3
    else:
        assert [asked(wire) for wire in within] == [200] * 3
    within[0].close()
    until(lambda: len(state._connections) + len(state._state.connections) == 2)
    assert asked(raw(server, None)) == 200


@pytest.mark.parametrize("given", [0, -1, True, "many"])
def test_max_connections_is_a_number_of_at_least_one(given: Any):
    with pytest.raises(InvalidEffect, match="max_connections"):
        FX.StartHTTPServer(routes={"/": "x"}, port=0, max_connections=given) | run


def test_the_default_leaves_descriptors_for_ourselves(serve: Any, monkeypatch: pytest.MonkeyPatch):
    for limit, most in ((64, 48), (256, 192), (1_024, 960), (1 << 20, 10_000)):
        monkeypatch.setattr(acceptor, "descriptor_limit", lambda limit=limit: limit)
        assert acceptor.most_connections() == most
    assert inside(serve({"/": "x"})).max_connections == 10_000


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """As few as this process has by now, and some more."""
    with open("/dev/null") as probe:
        lowest = probe.fileno()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = lowest + 90
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_when_descriptors_run_out_new_clients_are_refused_and_some_descriptors_are_left(
    serve: Any, raw: Any, few_descriptors: int, until: Any
):
    server = serve({"/": "up"})
    wires: list[Wire] = []
    answers: list[int] = []
    # Both ends are in this process.
    while 503 not in answers:
        wires.append(raw(server, None))
        answers.append(asked(wires[-1]))
    assert answers.count(200) > 5
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(open("/dev/null"))
    assert asked(wires[0]) == 200
    (line,) = journal("warning")
    assert f"nearly all descriptors of {few_descriptors}" in line["message"]
    for wire in wires[1:]:
        wire.close()
    until(lambda: len(inside(server)._state.connections) == 1)
    assert asked(raw(server, None)) == 200
