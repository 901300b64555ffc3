"""The log thread: what the loop has to say to Python's logging, said by a thread that nobody waits for.

A handler of logging holds a lock while it handles a record. One that runs an effect waits for the loop with that lock
in its hand, so a loop that logged by itself could wait for it for ever.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable

_POLL = 0.002

_calls: deque[Callable[[], None]] = deque()
_working = threading.Lock()


def off_loop(call: Callable[[], None]) -> None:
    """Make `call`, which must not raise: here, or where a loop runs in this thread, in the log thread."""
    if asyncio._get_running_loop() is None:
        call()
        return
    _calls.append(call)
    _start_thread()


def _start_thread() -> None:
    """Start the thread, unless it is at work. It ends when there is nothing left to say."""
    if not _working.acquire(blocking=False):
        return
    try:
        threading.Thread(target=_make_calls, name="zefnb-log", daemon=True).start()
    except RuntimeError:  # there is no thread to be had: the next call, or `flush`, tries again
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
    """Wait until everything has been said, for so many seconds at most. Not on the loop."""
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
