"""Effects on timers."""

from __future__ import annotations

import inspect
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
    """Publish `content` to `target` every `interval`.

    `interval` is in seconds (0.001 at least), or 'hourly', 'daily', 'weekly', 'monthly', 'yearly'. The
    first message comes at `starting_at`, or one interval from now. Moments are counted from the start, so
    nothing drifts; one that finds this timer's own last message still unhandled is skipped, so nothing piles up.
    Returns `ET.Timer('🍃-…')`.

    `content` may be a function without arguments, plain or async: it is called for each message, where a handler
    would run, and what it returns is published. A call that fails is in the journal, and the next one is made all
    the same.

    Seconds go by the monotonic clock, whatever the clock on the wall is put to; named intervals, and a
    `starting_at` that lies ahead, go by the clock on the wall, and notice within a second when it is put.

    Days, weeks, months and years keep their time of day in a time zone: `zone`, an IANA name such as
    'Europe/Berlin', or else the zone of `starting_at` (`Time('2026-10-24T08:00:00[Europe/Berlin]')`, or a
    `Time` of a `datetime` with a `ZoneInfo`), or else UTC. A `Time` with an offset alone, such as `+02:00`,
    keeps that offset, in summer and winter. A time of day that summer time leaves out comes as much later as
    the clocks are put forward; one that comes twice counts once, the first time. `zone` does not move
    `starting_at`, which is a moment already: without an offset its text is UTC.

    Raises `InvalidEffect` for an interval or a zone that there is not.

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
    topic_key(target)
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
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        allowed = "a value, or a function without arguments"
        raise InvalidEffect("FX.StartTimer", [FieldError("content", f"{shown(function)}: {error}", allowed)]) from None
    except ValueError:
        # A builtin without a signature: its first call tells.
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
    """Stop a timer. Raises `NotRunning` when it does not run.

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
    """The handles of all timers that run.

    >>> from zefnb import *
    >>> isinstance(FX.ListTimers() | run, list)
    True
    """
    from zefnb.topics.timer import Timers

    return runtime.service(Timers).handles()
