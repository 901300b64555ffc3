"""Publishing many messages: copied and handed to the loop in parts, in one order."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.size import rough_size
from zefnb.engine.context import call_context
from zefnb.engine.handler_threads import in_handler_thread
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidValue
from zefnb.recording.row import Row
from zefnb.replay.replay import Publish
from zefnb.replay.source import Source
from zefnb.topics.causes import Cause
from zefnb.topics.hub import Hub

# One message in so many is measured.
_SAMPLED = 8
# Of the bytes for subscribers in this process, one in so many counts: no client has a backlog that they could fill.
_COUNTED = 2


class Stop:
    """Whether the caller no longer waits for the messages to be accepted."""

    is_set = False


def accept(runtime: Runtime, key: str, source: Source, cause: Cause | None, stop: Stop | None = None) -> int:
    """Put all messages into the call queue, from another thread. Returns their number.

    It waits while the loop or slow clients are behind, unless it is called in a handler's thread without `stop`. An
    exception, such as Ctrl-C's, ends it between two messages; the earlier ones are published.
    """
    hub, queue, count = runtime.service(Hub), runtime.call_queue, 0
    may_wait = stop is not None or not in_handler_thread()
    for part in source.parts():
        if stop is not None and stop.is_set:
            break
        if may_wait and queue.is_paused:
            queue.wait_for_capacity()
        copies, error = copied(hub, key, part, count)
        if len(copies) == 1:
            queue.put_content(queue.sizes.estimate(copies[0]), hub.publish_snapshot, key, copies[0], cause)
        elif copies:
            size = _size_of(copies) if _has_clients(hub, key) else _size_of(copies) // _COUNTED
            queue.put_content(size, _publish_part, runtime, key, copies, cause)
        if error is not None:
            raise error
        count += len(copies)
    return count


async def accept_from_loop(runtime: Runtime, key: str, source: Source, cause: Cause | None) -> int:
    """Put all messages into the call queue, from a handler thread, while the loop does other work."""
    stop = Stop()
    try:
        run = call_context().run
        count: int = await runtime.handler_threads.call(run, accept, runtime, key, source, cause, stop)
        return count
    finally:
        stop.is_set = True


async def share(hub: Hub, runtime: Runtime, key: str, source: Source, publish_one: Publish) -> int:
    """Publish all messages to a shared topic, one by one. Returns their number."""
    count, parts, context = 0, source.parts(), call_context()

    def read() -> tuple[list[Any], InvalidValue | None] | None:
        part = next(parts, None)
        return None if part is None else copied(hub, key, part, count)

    while (found := await runtime.handler_threads.call(context.copy().run, read)) is not None:
        copies, error = found
        for copy in copies:
            if (waits := publish_one(copy)) is not None:
                await waits
        if error is not None:
            raise error
        count += len(copies)
    delivered: asyncio.Future[None] = runtime.loop.create_future()
    hub.after_publishing(lambda: None if delivered.done() else delivered.set_result(None))
    await delivered
    return count


def _publish_part(runtime: Runtime, key: str, copies: list[Any], cause: Cause | None) -> None:
    """Publish a part in an iteration of its own: it has as many messages as an iteration has calls."""
    runtime.call_queue.end_iteration()
    hub = runtime.service(Hub)
    if hub.state(key) is None and hub.sharing is None:
        return
    publish_snapshot = hub.publish_snapshot
    for copy in copies:
        publish_snapshot(key, copy, cause)


def copied(hub: Hub, key: str, part: list[Any], before: int) -> tuple[list[Any], InvalidValue | None]:
    """Return copies of the messages to publish; up to the first that cannot be sent, and the error about that one.

    `before` is the number of messages before this part.
    """
    kinds = set(map(type, part))
    if kinds == {Row}:
        part = [row.content for row in part]
        kinds = set(map(type, part))
    if kinds <= PLAIN:
        # Text other than ASCII may have half a surrogate pair, and an int too many digits.
        if kinds == {str}:
            if all(map(str.isascii, part)):
                return part, None
        elif str not in kinds and int not in kinds:
            return part, None
    if kinds == {dict} and not _has_clients(hub, key) and _are_flat(part):
        return list(map(dict.copy, part)), None
    copies: list[Any] = []
    for message in part:
        try:
            copies.append(hub.copied(key, message))
        except InvalidValue as error:
            return copies, _with_place(error, before + len(copies))
    return copies, None


def _has_clients(hub: Hub, key: str) -> bool:
    state = hub.state(key)
    return state is not None and state.sockets > 0


def _are_flat(rows: list[dict[Any, Any]]) -> bool:
    """Whether all keys and values are plain. All loops are in C."""
    values = chain.from_iterable(map(dict.values, rows))
    return PLAIN.issuperset(map(type, values)) and PLAIN.issuperset(map(type, chain.from_iterable(rows)))


def _size_of(copies: list[Any]) -> int:
    kinds = set(map(type, copies))
    if kinds == {str} or kinds == {bytes}:
        return sum(map(len, copies))
    sample = copies[::_SAMPLED]
    return sum(map(rough_size, sample)) * len(copies) // len(sample)


def _with_place(error: InvalidValue, number: int) -> InvalidValue:
    """Return the error of one message as one of the field."""
    first = error.faults[0]
    place = f"contents[{number}]"
    problem = f"{first.problem}; the {number:,} before it are published" if number else first.problem
    return InvalidValue("", [FieldError(place, problem, first.allowed, first.hint)])
