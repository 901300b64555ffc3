"""Effects that publish many messages: replays, and all messages at once."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import effect
from zefnb.core.entity import Replay, Success, Topic
from zefnb.core.uid import generate_uid
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.replay.source_type import ANY_SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zefnb.engine.runtime import Runtime
    from zefnb.replay.moment import Pace
    from zefnb.replay.replay import Publish
    from zefnb.replay.replay import Replay as Running
    from zefnb.replay.replays import Replays
    from zefnb.replay.source import Source

    SourceType = Iterable[Any]
else:
    SourceType = ANY_SOURCE

_HIGHEST_RATE = 1_000_000.0
# A table may have the times of thousands of years.
_HIGHEST_SPEED = 1e12


@effect("StartReplay", keyed="replay")
async def start_replay(
    runtime: Runtime,
    *,
    source: SourceType,
    target: Topic,
    speed: float | str | None = None,
    rate: float | None = None,
    time: str | None = None,
    loop: bool = False,
    wait: bool = False,
) -> Replay:
    """Publish the messages of a source to `target`, one after the other, with their pauses or at a rate.

    It runs in the background; with `wait=True` this returns at its end, and Ctrl-C stops it. A notebook shows a line
    with its progress. Running the cell again replaces the replay.

    Moments are computed from the start, so that there is no drift. A replay waits for subscribers that are behind. If
    it is more than a second late, it continues with the same pauses, and does not catch up.

    A list or a table is copied when the replay starts. An iterator or a generator is read in a thread: with `rate`,
    when a message is due; otherwise ahead. If it raises an exception, the replay ends, and the journal has the error.

    Args:
        source: A recording, of which the messages are replayed; a table of pandas or polars, whose rows become dicts; a
            list, or another collection; an iterator or a generator.
        target: The topic.
        speed: The pauses between the times of the messages are divided by it: 10 is ten times as fast. `'max'` is
            without pauses. Default: 1.
        rate: Messages per second, instead of `speed`.
        time: The column of a table, or the key or field of each message, that has its time: a `Time`, a `datetime`,
            seconds, or ISO 8601 text. The rows of a recording have a time without it.
        loop: Whether it begins again after the last message (default false). Not for an iterator or a generator.
        wait: Whether this returns only when the replay has ended (default false).

    Returns:
        `ET.Replay('🍃-…')`.

    Raises:
        InvalidEffect: Neither times, `rate` nor `speed='max'` is given, or both a rate and a speed; there is no such
            column; a number is out of range; an iterator is to be looped; or the topic has no name.
        Exception: With `wait=True`, the exception of the source.

    >>> from zefnb import *
    >>> rows = [{'at': 0.0, 'celsius': 20.5}, {'at': 0.1, 'celsius': 20.7}]
    >>> replay = FX.StartReplay(source=rows, target=ET.Topic('feed'), time='at', speed=10, wait=True) | run
    >>> FX.StopReplay(replay=replay) | run
    ET.Success(published=2)
    """
    from zefnb.engine.runtime import current_owner
    from zefnb.replay.replay import Replay as Running
    from zefnb.replay.replays import Replays
    from zefnb.replay.source import check_column, source_of
    from zefnb.topics.hub import topic_key

    key = topic_key(target, "target")
    pace = _pace(speed, rate, time)
    opened = await runtime.handler_threads.call(source_of, source, time)
    if loop and opened.is_iterator:
        problem = f"got {shown(source)}, which can be read once only"
        raise InvalidEffect("FX.StartReplay", [FieldError("loop", problem, "a list, a table or a recording")])
    if time is not None:
        check_column(opened, time, "FX.StartReplay")
    elif rate is None and speed != "max":
        _check_has_times(opened)
    replays = runtime.service(Replays)
    if (previous := replays.previous()) is not None:
        replays.stop(previous.handle)
        runtime.cells.replaced("the replay that this cell started before")
    handle = Replay(generate_uid())
    replay = Running(runtime, handle, target, _publisher(runtime, key))
    replays.add(replay, current_owner.get())
    runtime.cells.record(handle)
    replay.start(opened, pace, loop=loop)
    replays.show(replay, is_awaited=wait)
    if wait:
        await _until_end(replays, replay)
    return handle


def _pace(speed: float | str | None, rate: float | None, time: str | None) -> Pace:
    """Return when messages are due. Raises `InvalidEffect`."""
    from zefnb.replay.moment import AtOnce, ByRate, ByTime

    faults: list[FieldError] = []
    if isinstance(speed, str):
        if speed != "max":
            faults.append(FieldError("speed", f"got {shown(speed)}", "a number, or 'max'"))
    elif speed is not None and not 0 < speed <= _HIGHEST_SPEED:
        allowed = f"a number above 0, {_HIGHEST_SPEED:g} at most, or 'max'"
        faults.append(FieldError("speed", f"got {speed}", allowed))
    if rate is not None:
        if not 0 < rate <= _HIGHEST_RATE:
            faults.append(FieldError("rate", f"got {rate}", f"a number above 0, {_HIGHEST_RATE:,.0f} at most"))
        if speed is not None:
            faults.append(FieldError("rate", "got `rate` and `speed`", "one of the two"))
        if time is not None:
            faults.append(FieldError("rate", "got `rate` and `time`", "one of the two"))
    if faults:
        raise InvalidEffect("FX.StartReplay", faults)
    if speed == "max":
        return AtOnce()
    return ByRate(rate) if rate is not None else ByTime(1.0 if speed is None else float(speed), time)


def _check_has_times(source: Source) -> None:
    """Raise `InvalidEffect` if the messages can have no times. Those of an iterator are seen when they are read."""
    from zefnb.recording.row import Row

    columns = source.columns()
    if source.is_iterator or source.total == 0 or columns == list(Row._fields):
        return
    problem = "its messages have no times"
    allowed = "rate=20 for 20 a second, time='measured_at' for a column or key with times, or speed='max'"
    raise InvalidEffect("FX.StartReplay", [FieldError("source", problem, allowed)])


def _publisher(runtime: Runtime, key: str, cause: Any = None) -> Publish:
    """Return a function that publishes one message, which is a copy already."""
    from zefnb.topics.hub import Hub

    hub = runtime.service(Hub)

    def publish(content: Any) -> Awaitable[Any] | None:
        if hub.sharing is not None and hub.sharing[key] is not None:
            return hub.sharing.publish_effect(key, content, cause, False)
        hub.publish_snapshot(key, content, cause)
        return None

    return publish


async def _until_end(replays: Replays, replay: Running) -> None:
    """Wait for the end of a replay. Stops it if the caller no longer waits, and raises the exception of its source."""
    import asyncio

    try:
        await asyncio.shield(replay.finished)
    except asyncio.CancelledError:
        if replays.find(replay.handle) is not None:
            replays.stop(replay.handle)
        raise
    if replay.error is not None:
        raise replay.error


@effect("StopReplay")
def stop_replay(runtime: Runtime, *, replay: Replay) -> Success:
    """Stop a replay. One that has come to its end can be stopped, too, without an effect.

    Args:
        replay: The handle of the replay.

    Returns:
        `ET.Success(published=…)`, with the number of messages that it has published.

    Raises:
        NotRunning: The replay has been stopped before, or belongs to another process.

    >>> from zefnb import *
    >>> replay = FX.StartReplay(source=range(1000), target=ET.Topic('feed'), rate=0.01) | run
    >>> (FX.StopReplay(replay=replay) | run).published < 1000
    True
    """
    from zefnb.replay.replays import Replays

    return Success(published=runtime.service(Replays).stop(replay).published)


@effect("ListReplays")
def list_replays(runtime: Runtime) -> list[Replay]:
    """List all running replays.

    Returns:
        A list of handles.

    >>> from zefnb import *
    >>> isinstance(FX.ListReplays() | run, list)
    True
    """
    from zefnb.replay.replays import Replays

    return runtime.service(Replays).handles()


def _accept_publish_all(runtime: Runtime, effect: Any) -> Success:
    """Accept all messages from another thread, without a round trip to the loop."""
    from zefnb.engine.perform import NotAccepted
    from zefnb.engine.runtime import current_owner
    from zefnb.replay.publish_all import accept
    from zefnb.replay.source import source_of
    from zefnb.topics.hub import Hub, topic_key

    key, hub = topic_key(effect.target, "target"), runtime.service(Hub)
    if hub.sharing is not None and hub.sharing[key] is not None:
        raise NotAccepted
    owner = current_owner.get()
    cause = None
    if owner is not None:
        cause, owner.has_published = owner.cause, True
    return Success(published=accept(runtime, key, source_of(effect.contents), cause))


@effect("PublishAll", accept=_accept_publish_all, accept_waits=True)
async def publish_all(runtime: Runtime, *, target: Topic, contents: SourceType) -> Success:
    """Publish many messages in order, as `FX.Publish` does for each, in a fraction of the time.

    It returns when all are accepted. It waits while the loop or slow clients are behind. Ctrl-C ends it between two
    messages; those before are published.

    Args:
        target: The topic.
        contents: The messages: a list, an iterator, a generator, or a table of pandas or polars, whose rows become
            dicts. Subscribers receive copies.

    Returns:
        `ET.Success(published=…)`, with the number of messages.

    Raises:
        InvalidEffect: The topic has no name.
        InvalidValue: A message is nested too deeply, or a client is connected and it cannot be sent. The messages
            before it are published.
        Exception: That of an iterator, after the messages before it.

    >>> from zefnb import *
    >>> FX.PublishAll(target=ET.Topic('feed'), contents=[{'celsius': 20.5}, {'celsius': 20.7}]) | run
    ET.Success(published=2)
    """
    from zefnb.engine.runtime import current_owner
    from zefnb.replay.publish_all import accept_from_loop, share
    from zefnb.replay.source import source_of
    from zefnb.topics.hub import Hub, topic_key

    key, hub = topic_key(target, "target"), runtime.service(Hub)
    owner = current_owner.get()
    cause = None if owner is None else owner.cause
    source = await runtime.handler_threads.call(source_of, contents)
    if hub.sharing is not None and hub.sharing[key] is not None:
        return Success(published=await share(hub, runtime, key, source, _publisher(runtime, key, cause)))
    return Success(published=await accept_from_loop(runtime, key, source, cause))
