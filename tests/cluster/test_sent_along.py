"""Batches that are sent with the next read of the log, on the reader's connection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.cluster.conftest import local_node
from tests.cluster.test_contract import ROOM, collected, publish
from tests.cluster.test_faults import settled
from zefnb import ET, FX, zef_function
from zefnb.cluster.connection import Connection
from zefnb.engine.perform import await_on, run_on
from zefnb.errors import ClusterUnavailable

COUNT = 100


def published(node: Any, *contents: Any) -> Coroutine[Any, Any, None]:
    """Publish one message after the other on the loop, each when the one before is accepted."""

    async def publish_all() -> None:
        for content in contents:
            await await_on(node, FX.Publish(target=ROOM, content=content))

    return publish_all()


def on_loop(node: Any, work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, node.loop).result(20)


def hold(node: Any) -> None:
    """Let both replies to the next message arrive in one iteration: the one to its batch, and the one to the read."""
    local = local_node(node)
    local._reader._slice = 60.0  # a message that takes long is followed by others in the same iteration

    def wait() -> None:
        if local._queue.sent is None:
            node.loop.call_soon(wait)
        else:
            time.sleep(0.1)

    node.loop.call_soon(wait)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bytes of each write to the broker."""
    found, write = [], Connection._write

    def noted(self: Connection, data: bytes) -> None:
        found.append(data)
        write(self, data)

    monkeypatch.setattr(Connection, "_write", noted)
    return found


def test_a_coroutine_that_waits_for_each_message_takes_one_write_for_each(join, broker, until, writes):
    node = join(broker)
    found = collected(node)
    settled(node, until)
    node.loop.call_soon_threadsafe(hold, node)
    on_loop(node, published(node, "begin", *range(COUNT)))
    assert len([data for data in writes if b"XADD" in data and b"XREAD" in data]) > COUNT * 0.9
    until(lambda: found == ["begin", *range(COUNT)])


def test_a_message_that_a_delivery_causes_is_sent_with_the_next_read(join, broker, until, writes):
    node, second = join(broker), ET.Topic("second")
    found = collected(node, second)
    pass_on = zef_function(inline=True)(lambda message: FX.Publish(target=second, content=message))
    run_on(node, FX.SubscribeFX(topic=ROOM, op=pass_on))
    settled(node, until)
    node.loop.call_soon_threadsafe(hold, node)
    publish(node, "one")
    until(lambda: found == ["one"])
    assert [b"XREAD" in data for data in writes if b"second" in data] == [True]


def test_a_batch_on_the_lost_connection_of_the_reader_arrives_once(own_broker, join, until):
    node, other = join(own_broker), join(own_broker)
    found = [collected(node), collected(other)]
    settled(node, until)
    connection, is_stopped = local_node(node)._reader._connection, asyncio.Event()

    async def kill_when_sent() -> None:
        await is_stopped.wait()
        while not local_node(node)._queue.sent:
            await asyncio.sleep(0)
        assert connection._replies._on_reply.__name__ == "replied"  # the batch is on this connection
        own_broker.kill()
        await asyncio.get_running_loop().run_in_executor(None, own_broker.start)

    async def killed_meanwhile() -> None:
        killing = asyncio.create_task(kill_when_sent())
        hold(node)
        await published(node, "before")
        own_broker.suspend()
        is_stopped.set()
        await published(node, "lost", "after")
        await killing

    on_loop(node, killed_meanwhile())
    until(lambda: all(messages[-1:] == ["after"] for messages in found))
    assert found == [["before", "lost", "after"]] * 2


def test_a_batch_that_the_broker_refuses_is_not_sent_and_the_log_is_read_on(own_broker, join, until):
    node = join(own_broker)
    found = collected(node)

    async def refused_meanwhile() -> None:
        await published(node, "before")
        own_broker.call("CONFIG SET maxmemory 1")
        await published(node, "refused")

    with pytest.raises(ClusterUnavailable, match="not sent: the broker refuses it"):
        on_loop(node, refused_meanwhile())
    own_broker.call("CONFIG SET maxmemory 0")
    on_loop(node, published(node, "after"))
    until(lambda: found == ["before", "after"])
    assert local_node(node)._reader.reconnects == 0


def test_a_caller_that_stops_waiting_withdraws_nothing_that_was_sent(own_broker, join, until):
    node = join(own_broker)
    found = collected(node)

    async def cancelled_meanwhile() -> None:
        await published(node, "before")
        own_broker.suspend()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await published(node, "sent")
        own_broker.resume()

    on_loop(node, cancelled_meanwhile())
    on_loop(node, published(node, "after"))
    until(lambda: found == ["before", "sent", "after"])


def test_coroutines_lose_and_double_no_accepted_message_when_the_broker_is_killed(own_broker, join, until):
    nodes = join(own_broker), join(own_broker)
    found = [collected(node) for node in nodes]
    accepted: list[tuple[str, int]] = []
    is_stopped = False

    async def publish_numbers(node: Any, name: str) -> None:
        number = 0
        while not is_stopped:
            with contextlib.suppress(ClusterUnavailable):
                await published(node, (name, number))
                accepted.append((name, number))
            number += 1

    works = [
        asyncio.run_coroutine_threadsafe(publish_numbers(node, str(n)), node.loop)
        for n, node in enumerate((*nodes, *nodes))
    ]
    for _ in range(3):
        before = len(found[1])
        until(lambda before=before: len(found[1]) > before + 20)
        own_broker.kill()
        own_broker.start()
        before = len(found[1])
        until(lambda before=before: len(found[1]) > before)
    is_stopped = True
    for work in works:
        work.result(20)
    publish(nodes[0], "end")
    until(lambda: all(messages[-1] == "end" for messages in found))
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0])
    assert set(accepted) <= set(found[0])
