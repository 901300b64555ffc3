"""Starting: the engine is loaded, and its runtime made, in a thread of their own.

A signal handler that runs in the middle of an import finds modules that are half made, and one that runs while a
runtime is being made would wait for what the code beneath it has yet to finish. No signal handler runs in another
thread than the main one, so what must not be interrupted is done in a thread that is started for it.
"""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from zefnb.errors import Interrupted, WouldBlock

T = TypeVar("T")

_WAIT_INTERVAL = 0.1
_FORK_TIMEOUT = 2.0
# Held by the thread that starts something, in which no signal handler runs, and by a fork.
_one_at_a_time = threading.Lock()
# The threads in which something is started, and those that wait for it.
_starters: set[int] = set()
_waiters: set[int] = set()
_is_hooked = _holds_lock = False
# Why nothing is started any more.
_end_reason = ""


class Starting(WouldBlock):
    """The caller, a signal handler, a finalizer or a hook, runs on top of what starts the engine, or waits for it."""


class Ended(Interrupted):
    """The process ends, and nothing is started any more."""


class LoopOwner(threading.Thread):
    """A thread that runs a loop, and cannot wait for one.

    Known by its type, since a trace function runs in a thread before its first line does.
    """


class _OwnThreadCall(Generic[T]):
    """A call that is made in a thread of its own.

    A bare one: starting one of `threading` takes a lock there, which the caller, a finalizer, may stand on.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: list[T] = []
        self._error: BaseException | None = None
        # Bare, too, as in `Waker`: wherever a signal handler strikes in waiting for it, it is whole.
        self._pending = _thread.allocate_lock()
        self._pending.acquire()

    def run(self) -> None:
        this_thread = _thread.get_ident()
        _starters.add(this_thread)
        try:
            with _one_at_a_time:
                _hook_forks()
                self._result.append(self._call())
        except BaseException as error:
            self._error = error
        finally:
            _starters.discard(this_thread)
            self._pending.release()

    def result(self) -> T:
        """What the call returned, or raises what it raised; waits in slices, so that Ctrl-C gets through."""
        while not self._pending.acquire(timeout=_WAIT_INTERVAL):
            pass
        if self._error is not None:
            raise self._error
        return self._result[0]


def run_in_own_thread(call: Callable[[], T], *, may_nest: bool = False) -> T:
    """What `call` returns, made in a thread of its own; one such call is made at a time.

    Raises `Starting` in such a thread and in a loop's; in a signal handler whose thread waits here already, unless it
    wants to wait `again`; and `Over` when the process ends.
    """
    this_thread = _thread.get_ident()
    if this_thread in _starters or isinstance(threading.current_thread(), LoopOwner):
        raise Starting("the runtime is being started, or has been closed, and this is a thread of its own")
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
        raise Ended("the process ends, and no runtime can be started for it any more") from None
    is_nested = this_thread in _waiters
    _waiters.add(this_thread)
    try:
        return own_call.result()
    finally:
        if not is_nested:
            _waiters.discard(this_thread)


def import_in_own_thread(load: Callable[[], T]) -> T:
    """What `load` imports and returns, as by `made_apart`; a loop's thread, which no signal interrupts, calls it."""
    return load() if isinstance(threading.current_thread(), LoopOwner) else run_in_own_thread(load)


def forbid_starts(reason: str) -> None:
    """From now on nothing is started; whoever needs it is told `reason`."""
    global _end_reason
    _end_reason = reason


def only_publishes(given: Any) -> bool:
    """Whether `given` does nothing but publish: without a runtime nobody has subscribed to anything."""
    return all(
        type(effect).__name__ == "Publish" for effect in (given if isinstance(given, list | tuple) else (given,))
    )


def _hook_forks() -> None:
    """From now on a fork waits until nothing is being started, however long that takes."""
    global _is_hooked
    # Hooks are called in the reverse order, and logging's keeps the lock that imports here take: ours comes first.
    import logging  # noqa: F401

    if not _is_hooked and hasattr(os, "register_at_fork"):
        _is_hooked = True
        os.register_at_fork(before=_one_at_a_time.acquire, after_in_parent=_one_at_a_time.release)


def _before_fork() -> None:
    """What is being started is waited for: a child would find the lock of a half imported module held for ever."""
    global _holds_lock
    # In vain only where logging's hook, called first, holds what an import here waits for.
    _holds_lock = not _is_hooked and _one_at_a_time.acquire(timeout=_FORK_TIMEOUT)


def _after_fork_in_parent() -> None:
    if _holds_lock:
        _one_at_a_time.release()


def _after_fork() -> None:
    if _one_at_a_time.locked():
        _one_at_a_time.release()
    _starters.clear()
    _waiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
