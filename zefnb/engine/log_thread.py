"""The log thread: it passes the loop's lines to Python's logging, so that the loop never waits for a logging handler.

A logging handler holds a lock while it handles a record. A handler that performs an effect waits for the loop with this
lock, so that a loop that logged directly could wait for ever.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from zefnb.engine.unawaited_thread import UnawaitedThread

_POLL = 0.002

_calls: deque[Callable[[], None]] = deque()
_working = threading.Lock()


def off_loop(call: Callable[[], None]) -> None:
    """Call `call`, which must not raise: in this thread, or in the log thread if a loop runs in this one."""
    if asyncio._get_running_loop() is None:
        call()
        return
    _calls.append(call)
    _start_thread()


def _start_thread() -> None:
    """Start the thread, unless it is running. It ends when no calls are left."""
    if not _working.acquire(blocking=False):
        return
    try:
        UnawaitedThread(target=_make_calls, name="zefnb-log").start()
    except RuntimeError:  # no thread can be started now: the next call, or `flush`, tries again
        _working.release()


def _make_calls() -> None:
    try:
        while _calls:
            _calls.popleft()()
    finally:
        _working.release()
    if _calls:
        _start_thread()


def flush(timeout: float) -> None:
    """Wait until all calls have been made, at most `timeout` seconds. Not on the loop."""
    deadline = time.monotonic() + timeout
    while (_calls or _working.locked()) and time.monotonic() < deadline:
        _start_thread()
        time.sleep(_POLL)


def _after_fork() -> None:
    global _working
    _working = threading.Lock()
    _calls.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
