"""Printing: whole lines on the output, also while other threads print, and never in the loop's thread.

A write to a stream blocks while its pipe is full, or while another thread holds its lock.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from typing import TYPE_CHECKING, Any

from zefnb.engine import side_thread
from zefnb.engine.side_thread import PRINTING

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


def write_line(content: object) -> None:
    """Print one line in a single write, so that the output of other threads cannot split it."""
    sys.stdout.write(f"{content}\n")
    sys.stdout.flush()


class Printed(asyncio.Future[Any]):
    """A future that is done when the line is printed. `value` is its result, for callers that cannot wait."""

    def __init__(self, runtime: Runtime, value: Any) -> None:
        super().__init__(loop=runtime.loop)
        self.value = value


def printed(runtime: Runtime, content: object, value: Any) -> Printed:
    """Print one line from the loop. Returns a future whose result is `value`."""
    done = Printed(runtime, value)
    if PRINTING.is_full:
        done.set_exception(
            BlockingIOError(f"the output accepts nothing, and {side_thread.MOST_WAITING:,} lines wait for it")
        )
        return done
    context = contextvars.copy_context()

    def write() -> None:
        try:
            context.run(write_line, content)
            error = None
        except BaseException as raised:
            error = raised
        runtime.call_queue.put(_settle, done, value, error)

    PRINTING.put(write)
    return done


def _settle(done: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(value)
    else:
        done.set_exception(error)


def log_value(value: object, prefix: str = "") -> None:
    """Print a value as one line, after `prefix`; the op `log` calls it. Dropped while the output accepts nothing."""
    line = f"{prefix}{' ' if prefix else ''}{value if isinstance(value, str) else repr(value)}"
    if asyncio._get_running_loop() is None:
        write_line(line)
    elif not PRINTING.is_full:
        context = contextvars.copy_context()
        PRINTING.put(lambda: _written(context, line))


def _written(context: contextvars.Context, line: str) -> None:
    try:
        context.run(write_line, line)
    except Exception:  # the output is closed or broken, and no caller waits
        return
