"""A long message for many clients is written in several iterations: complete, in order, and others are served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from tests.net.wire import Wire, frame
from zefnb import ET, FX, run
from zefnb.net import read_scheduler
from zefnb.net.websocket import outbox

Raw = Callable[..., Wire]
COUNT = 10


@pytest.fixture
def feed(serve: Any, topic: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(outbox, "WRITE_BUDGET", 0.0)
    return serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])})


def test_a_long_message_for_many_clients_is_not_written_in_one_iteration(feed: Any, topic: Any, raw: Raw):
    wires = [raw(feed) for _ in range(COUNT)]
    connections = on_loop(inside(feed).clients)
    content = "x" * 500_000

    def publish_and_flush() -> int:
        FX.Publish(target=topic, content=content) | run
        connections[0]._outbox.flush()
        return sum(bool(connection.pending) for connection in connections)

    assert on_loop(publish_and_flush) > COUNT // 2
    assert [wire.read().payload for wire in wires] == [content.encode()] * COUNT


def test_messages_sent_meanwhile_follow_it(feed: Any, topic: Any, raw: Raw):
    wires = [raw(feed) for _ in range(COUNT)]
    sizes = [500_000, 1, 200_000, 2, 3, 300_000] * 5
    for size in sizes:
        FX.Publish(target=topic, content="x" * size) | run
    for wire in wires:
        assert [len(wire.read().payload) for _ in sizes] == sizes


def test_only_a_bounded_amount_waits_for_one_client(feed: Any, topic: Any, raw: Raw):
    """A publisher that is faster than writing must wait at the limit of what may wait for a client."""
    wires = [raw(feed) for _ in range(COUNT)]
    connections = on_loop(inside(feed).clients)

    def publish_and_flush() -> int:
        FX.Publish(target=topic, content="x" * 150_000) | run
        connections[0]._outbox.flush()
        return max(len(connection.pending) for connection in connections)

    assert max(on_loop(lambda: [publish_and_flush() for _ in range(30)])) <= 16
    for wire in wires:
        assert [len(wire.read().payload) for _ in range(30)] == [150_000] * 30


def test_clients_that_push_wait_until_their_messages_have_been_written(
    serve: Any, topic: Any, raw: Raw, until: Any, monkeypatch: pytest.MonkeyPatch
):
    """Ten clients with long messages would otherwise add more in each iteration than it may write."""
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 0.0)
    monkeypatch.setattr(outbox, "WRITE_BUDGET", 0.0)
    monkeypatch.setattr(outbox, "_SMALL_BATCH", 0)
    crowded = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])})
    wires = [raw(crowded) for _ in range(COUNT)]
    connections = on_loop(inside(crowded).clients)
    box = connections[0]._outbox
    block = frame("x" * 20_000) * 30

    def received() -> int:
        return sum(connection.received for connection in connections)

    def push() -> tuple[int, int]:
        for connection in connections:
            connection.data_received(memoryview(block))
        parsed = received()
        FX.Publish(target=topic, content="x" * 300_000) | run
        assert box.slow_clients.is_held
        box.reads._parse_queued()
        return parsed, received() - parsed

    assert on_loop(push) == (COUNT, 0)
    for wire in wires:
        assert sum(len(wire.read().payload) for _ in range(30 * COUNT + 1)) == 20_000 * 30 * COUNT + 300_000
    until(lambda: not box.slow_clients.is_held)
