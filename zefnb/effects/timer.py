"""Effects on timers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from zefnb.core.effect import FX, Effect, effect
from zefnb.core.entity import Success, Timer, Topic
from zefnb.core.time import Time
from zefnb.core.uid import generate_uid
from zefnb.errors import FieldError, Hint, InvalidEffect, InvalidValue, shown

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("StartTimer", keyed="timer")
def start_timer(
    runtime: Runtime,
    *,
    interval: float | str,
    target: Topic,
    content: Any,
    starting_at: Time | None = None,
    zone: str | None = None,
) -> Timer:
    """Publish `content` to `target` at each `interval`.

    Moments are computed from the start, so that there is no drift. A moment is skipped if the timer's last message has
    not yet been handled, so that there is no backlog.

    Intervals in seconds use the monotonic clock, which is never set. Named intervals, and a `starting_at` in the
    future, use the system clock; a change of that clock takes effect within a second.

    Days, weeks, months and years keep their time of day in a time zone. A `Time` with only an offset, such as `+02:00`,
    keeps that offset in summer and winter. A time of day that does not exist when summer time begins is later by the
    change of the clocks. If a time occurs twice, the first is used.

    Running the cell again replaces the timer.

    Args:
        interval: Seconds (at least 0.001), or 'hourly', 'daily', 'weekly', 'monthly' or 'yearly'.
        target: The topic.
        content: Any value; each message is a copy of it. Or a function without arguments, plain or async, that is
            called for each message, where a handler would run; its result is published. If a call fails, the error is
            in the journal, and the timer continues.
        starting_at: The `Time` of the first message. Default: one interval from now.
        zone: The IANA name of a time zone, such as 'Europe/Berlin'. Default: the zone of `starting_at`, such as
            `Time('2026-10-24T08:00:00[Europe/Berlin]')`, or else UTC. It does not change `starting_at` itself.

    Returns:
        `ET.Timer('🍃-…')`.

    Raises:
        InvalidEffect: The interval or the time zone does not exist, or the topic has no name.
        InvalidValue: The content is nested too deeply.

    Source:
        RFC 5545, section 3.3.5, for times of day that do not exist or occur twice.

    >>> from zefnb import *
    >>> timer = FX.StartTimer(interval=60, target=ET.Topic('tick'), content='now') | run
    >>> FX.StopTimer(timer=timer) | run
    ET.Success()
    """
    from zefnb.core.snapshot import snapshot, too_deep
    from zefnb.engine.runtime import current_owner
    from zefnb.topics.hub import Hub, topic_key
    from zefnb.topics.timer import Timer as Running
    from zefnb.topics.timer import Timers, maker_of_content

    _check_interval(interval)
    time_zone = _checked_zone(zone)
    topic_key(target, "target")
    timers, hub = runtime.service(Timers), runtime.service(Hub)
    is_made = callable(content) and not isinstance(content, type)
    if is_made:
        _check_function(content)
    try:
        copy = None if is_made else snapshot(content)
    except RecursionError:
        raise too_deep("FX.StartTimer", "content") from None
    if (previous := timers.previous()) is not None:
        timers.stop(previous.handle)
        runtime.cells.replaced("the timer that this cell started before")
    handle = Timer(generate_uid())

    def publish(made: Any) -> Sequence[Effect]:
        return (FX.Publish(target=target, content=made),)

    maker = maker_of_content(runtime, handle, content, publish) if is_made else None
    timer = Running(handle, interval, target, copy, starting_at, time_zone, timers.clock, maker)
    timers.start(timer, hub)
    runtime.cells.record(handle)
    owner = timer.owner = current_owner.get()
    if owner is not None:
        owner.own(handle, lambda: timers.stop(handle))
    return handle


def _check_function(function: Any) -> None:
    from inspect import signature

    try:
        signature(function).bind()
    except TypeError as error:
        allowed = "a value, or a function without arguments"
        raise InvalidEffect("FX.StartTimer", [FieldError("content", f"{shown(function)}: {error}", allowed)]) from None
    except ValueError:
        # A builtin without a signature cannot be checked before its first call.
        return


def _check_interval(interval: float | str) -> None:
    from zefnb.topics.timer import LONGEST, NAMED_INTERVALS, SHORTEST

    fits = interval in NAMED_INTERVALS if isinstance(interval, str) else SHORTEST <= interval <= LONGEST
    if not fits:
        names = ", ".join(map(repr, NAMED_INTERVALS))
        hint = Hint(interval, NAMED_INTERVALS)
        allowed = f"seconds from {SHORTEST} to {LONGEST:.0f}, or {names}"
        raise InvalidEffect("FX.StartTimer", [FieldError("interval", f"got {shown(interval)}", allowed, hint)])


def _checked_zone(zone: str | None) -> tzinfo | None:
    from zefnb.core.time import zone_named

    if zone is None:
        return None
    try:
        return zone_named(zone, "FX.StartTimer", "zone")
    except InvalidValue as error:
        raise InvalidEffect(error.subject, error.faults) from None


@effect("StopTimer")
def stop_timer(runtime: Runtime, *, timer: Timer) -> Success:
    """Stop a timer.

    Args:
        timer: The handle of the timer.

    Returns:
        `ET.Success()`.

    Raises:
        NotRunning: The timer has been stopped before, or belongs to another process.

    >>> from zefnb import *
    >>> timer = FX.StartTimer(interval='daily', target=ET.Topic('tick'), content='good morning') | run
    >>> FX.StopTimer(timer=timer) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.topics.timer import Timers

    runtime.service(Timers).stop(timer)
    return SUCCESS


@effect("ListTimers")
def list_timers(runtime: Runtime) -> list[Timer]:
    """List all running timers.

    Returns:
        A list of handles.

    >>> from zefnb import *
    >>> isinstance(FX.ListTimers() | run, list)
    True
    """
    from zefnb.topics.timer import Timers

    return runtime.service(Timers).handles()
