"""Starting: the engine is loaded, and its runtime made, in a separate thread.

A signal handler that runs during an import finds modules that are not complete, and one that runs while a runtime is
made would wait for the code that it interrupted. Signal handlers run only in the main thread, so work that must not be
interrupted is done in a new thread.
"""

from __future__ import annotations

import _thread

# Hooks before a fork are called in reverse order. That of logging takes a lock that imports need, so it is registered
# first: a fork waits here for imports before it takes that lock.
import logging  # noqa: F401
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Generic, TypeVar

from zefnb.errors import Interrupted, WouldBlock

T = TypeVar("T")

_WAIT_INTERVAL = 0.1
_IMPORT_TIMEOUT = 10.0
_FORK_INTERVAL = 0.002
_IMPORTLIB = "<frozen importlib._bootstrap>"
# Held by the thread that runs such work, and by a fork.
_one_at_a_time = threading.Lock()
# The threads that run such work, and those that wait for them.
_starters: set[int] = set()
_waiters: set[int] = set()
_has_started = False
# The reason why nothing can be started any more.
_end_reason = ""


class Starting(WouldBlock):
    """The caller, a signal handler, a finalizer or a hook, interrupted code that starts the engine or waits for it."""


class Ended(Interrupted):
    """The process ends, and nothing can be started any more."""


class LoopOwner(threading.Thread):
    """A thread that runs a loop, and must not wait for one.

    It is recognised by its type, since a trace function runs in a thread before the thread's first line.
    """


class _OwnThreadCall(Generic[T]):
    """A call in a separate thread.

    It uses `_thread`, since starting a `threading.Thread` takes a lock that a finalizer may have interrupted.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: list[T] = []
        self._error: BaseException | None = None
        # A lock from `_thread`, as in `_LockWaker`: its state is consistent wherever a signal handler interrupts it.
        self._pending = _thread.allocate_lock()
        self._pending.acquire()

    def run(self) -> None:
        global _has_started
        this_thread = _thread.get_ident()
        _starters.add(this_thread)
        try:
            with _one_at_a_time:
                _has_started = True
                self._result.append(self._call())
        except BaseException as error:
            self._error = error
        finally:
            _starters.discard(this_thread)
            self._pending.release()

    def result(self) -> T:
        """Return the result of the call, or raise its exception. Waits at intervals, so that Ctrl-C interrupts it."""
        while not self._pending.acquire(timeout=_WAIT_INTERVAL):
            pass
        if self._error is not None:
            raise self._error
        return self._result[0]


def run_in_own_thread(call: Callable[[], T], *, may_nest: bool = False) -> T:
    """Return the result of `call`, made in a separate thread; such calls are made one at a time.

    Raises `Starting` in such a thread, in a loop's thread, and in a signal handler whose thread already waits here
    (unless `may_nest`). Raises `Ended` when the process ends.
    """
    this_thread = _thread.get_ident()
    if this_thread in _starters or isinstance(threading.current_thread(), LoopOwner):
        raise Starting("the runtime is being started, or has been closed, and this is one of its own threads")
    if this_thread in _waiters and not may_nest:
        raise Starting("the runtime is being started")
    if _end_reason:
        raise Ended(_end_reason)
    own_call = _OwnThreadCall(call)
    try:
        _thread.start_new_thread(own_call.run, ())
    except RuntimeError as error:
        if "interpreter shutdown" not in str(error):
            raise
        raise Ended("the process ends, and its runtime cannot be started any more") from None
    is_nested = this_thread in _waiters
    _waiters.add(this_thread)
    try:
        return own_call.result()
    finally:
        if not is_nested:
            _waiters.discard(this_thread)


def import_in_own_thread(load: Callable[[], T]) -> T:
    """Return the result of `load`, called in a separate thread, or directly in a loop's thread (without signals)."""
    return load() if isinstance(threading.current_thread(), LoopOwner) else run_in_own_thread(load)


def forbid_starts(reason: str) -> None:
    """Raise `Ended(reason)` for every later start."""
    global _end_reason
    _end_reason = reason


def only_publishes(given: Any) -> bool:
    """Whether `given` only publishes: without a runtime there are no subscribers, so that nothing need be done."""
    return all(
        type(effect).__name__ == "Publish" for effect in (given if isinstance(given, list | tuple) else (given,))
    )


def _before_fork() -> None:
    """Wait for a running start, and for other threads that import: the loop loads a service on first use.

    Otherwise a child could never get the lock of a module that is being imported.
    """
    _one_at_a_time.acquire()
    end = time.monotonic() + _IMPORT_TIMEOUT
    while _has_started and _others_import() and time.monotonic() < end:
        time.sleep(_FORK_INTERVAL)


def _others_import() -> bool:
    """Whether another thread imports a module: a child would inherit its lock, which no thread would release there."""
    this_thread = _thread.get_ident()
    return any(_imports(frame) for thread, frame in sys._current_frames().items() if thread != this_thread)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTLIB:
            return True
        frame = frame.f_back
    return False


def _after_fork() -> None:
    _one_at_a_time.release()
    _starters.clear()
    _waiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_one_at_a_time.release, after_in_child=_after_fork)
