"""Single messages: the work of the loop for each, and callers that stop waiting for theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.cluster.conftest import local_node
from tests.cluster.test_contract import ROOM, collected, publish
from zefnb import ET, FX, zef_function
from zefnb.engine.perform import await_on, run_on
from zefnb.errors import ClusterUnavailable

COUNT = 100


def count_calls(loop: Any, name: str, counts: Counter[str]) -> None:
    """Count the calls of a method of the loop."""
    call = getattr(loop, name)

    def counted(*args: Any, **options: Any) -> Any:
        counts[name] += 1
        return call(*args, **options)

    setattr(loop, name, counted)


def test_a_message_takes_no_task_no_timer_and_no_further_iteration_of_the_loop(join, broker, patient_callers):
    """What has arrived at the loop is passed on at once: the message to the broker, and its replies to the caller."""
    node, found, counts = join(broker), [], Counter()
    run_on(node, FX.SubscribeFX(topic=ROOM, op=zef_function(inline=True)(found.append)))
    publish(node, "begin")
    for name in ("create_task", "call_at", "call_soon"):
        count_calls(node.loop, name, counts)
    publish(node, *range(COUNT))
    assert found == ["begin", *range(COUNT)]
    # Those of the heartbeat, and with uvloop one for the end of an iteration.
    assert counts.total() < 2 * COUNT


def test_a_message_whose_caller_has_been_cancelled_is_not_sent_if_it_waited(own_broker, join, until):
    node = join(own_broker)
    found = collected(node)
    publish(node, "begin")
    queue = local_node(node)._queue
    until(lambda: not len(queue))

    async def cancelled() -> None:
        first = asyncio.create_task(await_on(node, FX.Publish(target=ROOM, content="on its way")))
        while queue.sent is None:
            await asyncio.sleep(0.001)
        second = asyncio.create_task(await_on(node, FX.Publish(target=ROOM, content="waits")))
        while not queue.waiting:
            await asyncio.sleep(0.001)
        for task in (first, second):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    own_broker.suspend()
    asyncio.run(cancelled())
    until(lambda: all(message.is_withdrawn for message in queue.waiting))
    own_broker.resume()
    publish(node, "end")
    until(lambda: found[-1:] == ["end"])
    assert found == ["begin", "on its way", "end"]


def test_each_caller_waits_for_its_own_time_and_is_told_once(own_broker, join, until, limit_waits):
    """They share one timer, which is set for the first."""
    node = join(own_broker)
    publish(node, "begin")
    queue = local_node(node)._queue
    until(lambda: not len(queue))
    limit_waits(node, 0.4)
    own_broker.suspend()

    async def outcomes() -> list[str]:
        waits = []
        for number in range(5):
            waits.append(asyncio.create_task(await_on(node, FX.Publish(target=ROOM, content=number))))
            while queue.sent is None:  # the first one is on its way alone
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert all(isinstance(result, ClusterUnavailable) for result in results)
        return [str(result).split(": ")[1] for result in results]

    assert asyncio.run(outcomes()) == ["outcome unknown", *["not sent"] * 4]
    own_broker.resume()
    assert not local_node(node).outgoing._callers._publishings
    limit_waits(node, 9.5)
    publish(node, "end")


def test_a_coroutine_on_the_loop_waits_for_the_broker_too(own_broker, join, until, limit_waits):
    node = join(own_broker)
    found = collected(node)

    def published(content: Any) -> Any:
        async def publish_it() -> Any:
            return await await_on(node, FX.Publish(target=ROOM, content=content))

        return asyncio.run_coroutine_threadsafe(publish_it(), node.loop).result(20)

    assert published("accepted") == ET.Success()
    # The node may have read it before the reply to its own command arrives.
    assert b"accepted" in own_broker.call(f"XRANGE zefnb:{own_broker.name}:log - +")
    until(lambda: not len(local_node(node)._queue))
    own_broker.suspend()
    limit_waits(node, 0.5)
    with pytest.raises(ClusterUnavailable, match="outcome unknown"):
        published("sent")
    own_broker.resume()
    limit_waits(node, 9.5)
    publish(node, "end")
    until(lambda: found[-1:] == ["end"])
    assert found == ["accepted", "sent", "end"]
