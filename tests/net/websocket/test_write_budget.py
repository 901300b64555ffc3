"""A long message for many clients is written in several iterations: complete, in order, and others are served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.net.conftest import inside, on_loop
from tests.net.wire import Wire
from zefnb import ET, FX, run
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

    assert max(on_loop(lambda: [publish_and_flush() for _ in range(30)])) <= 8
    for wire in wires:
        assert [len(wire.read().payload) for _ in range(30)] == [150_000] * 30
