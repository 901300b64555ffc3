"""Ending by a signal: SIGTERM and SIGHUP close the servers, as the end of a program does, and then end the process.

By default these signals end the process at once, and clients lose their connections without a close frame. While
servers run, a handler is therefore installed for each of these signals that has no handler of the program. It closes
the runtime in a separate thread, and the process then ends by the same signal. A second signal ends it at once.

Handlers run in the main thread, which may be inside a long C call. The loop therefore receives signals, too, through
Python's wake-up descriptor, unless the program uses that descriptor itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from zefnb.engine.unawaited_thread import UnawaitedThread

NUMBERS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_FLUSH_TIMEOUT = 0.5
_EXIT_TIMEOUT = 0.5
_RETRY_INTERVAL = 0.05
# Seconds within which a main thread that runs Python calls its signal handlers.
_PYTHON_TIMEOUT = 0.1


class SignalHandlers:
    """The signal handlers that close the runtime before the process ends; there is one instance in a process."""

    def __init__(self) -> None:
        self._users: set[object] = set()
        self._signal: int | None = None
        self._close: Callable[[], None] = lambda: None
        self._handled: set[int] = set()
        self._reader: socket.socket | None = None
        self._writer: socket.socket | None = None
        self._loop: Any = None

    def acquire(self, user: object, loop: Any, close: Callable[[], None]) -> None:
        """Register a server, `user`, that has started. On its loop, which receives signals from now on."""
        self._users.add(user)
        self._loop, self._close = loop, close
        _in_main_thread(self._adjust, loop)

    def release(self, user: object) -> None:
        """Remove a server that has stopped; after the last one the default handlers are restored. On its loop."""
        self._users.discard(user)
        _in_main_thread(self._adjust, self._loop)

    def _adjust(self) -> None:
        """Install or remove the handlers: they are installed while servers run. In the main thread."""
        if self._users and not self._handled and self._signal is None:
            for number in NUMBERS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _received)
                    self._handled.add(number)
            if self._handled:
                self._set_wakeup_descriptor()
        elif not self._users and self._handled:
            for number in self._handled:
                if signal.getsignal(number) is _received:
                    signal.signal(number, signal.SIG_DFL)
            self._handled.clear()
            self._reset_wakeup_descriptor()

    def _set_wakeup_descriptor(self) -> None:
        before = signal.set_wakeup_fd(-1)
        if before != -1:  # in use, for example by an event loop in the main thread
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            return
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(
                self._loop.add_reader, self._reader.fileno(), self._signals_arrived, self._reader
            )

    def _reset_wakeup_descriptor(self) -> None:
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        if reader is None or writer is None:
            return
        now = signal.set_wakeup_fd(-1)
        if now not in (-1, writer.fileno()):
            signal.set_wakeup_fd(now, warn_on_full_buffer=False)
        writer.close()

        def close() -> None:
            self._loop.remove_reader(reader.fileno())
            reader.close()

        try:
            self._loop.call_soon_threadsafe(close)
        except RuntimeError:
            reader.close()

    def _signals_arrived(self, reader: socket.socket) -> None:
        """On the loop: process the signals that have arrived.

        A main thread that runs Python calls the signal handler itself, which may be one that the program has set
        meanwhile. The loop acts on a signal only if the main thread is inside a C call.
        """
        with contextlib.suppress(OSError):
            for number in set(reader.recv(4_096)) & self._handled:
                runs_python = threading.Event()
                _in_main_thread(runs_python.set, self._loop)
                self._loop.call_later(_PYTHON_TIMEOUT, self._begin_if_not_running, runs_python, number)

    def _begin_if_not_running(self, runs_python: threading.Event, number: int) -> None:
        if not runs_python.is_set() and signal.getsignal(number) is _received:
            self.begin(number)

    def begin(self, number: int) -> None:
        """Close the runtime, then end by `number`; another signal of that number ends the process at once."""
        _restore_default(number)
        if self._signal is None:
            self._signal = number
            UnawaitedThread(target=self._end, args=(number,), name="zefnb-ending").start()

    def _end(self, number: int) -> None:
        try:
            self._close()
        finally:
            # In another thread, since a stream may be blocked in a write that does not return.
            flushing = threading.Thread(target=_flush, daemon=True)
            flushing.start()
            flushing.join(_FLUSH_TIMEOUT)
            _restore_default(number)
            os.kill(os.getpid(), number)
            time.sleep(_EXIT_TIMEOUT)
            os._exit(128 + number)  # the default action of a signal does not end the first process of a container

    def await_end(self) -> None:
        """Wait for a signal to end the process, if one has arrived, so that the exit status is the signal's."""
        while self._signal is not None:
            time.sleep(_RETRY_INTERVAL)

    def forget(self) -> None:
        """In a forked child: restore the default handlers, since the child has no servers."""
        users, self._users = self._users, set()
        if users or self._handled:
            self._loop = _NoLoop()
            self._adjust()
        self._signal = None


class _NoLoop:
    """The loop of a forked child, where no loop runs."""

    def call_soon_threadsafe(self, *_: Any) -> None:
        raise RuntimeError


def _received(number: int, frame: Any) -> None:
    SIGNAL_HANDLERS.begin(number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _restore_default(number: int) -> None:
    """Restore the default handler, from any thread; `signal.signal` works only in the main thread."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.SIG_DFL)
        return
    with contextlib.suppress(ImportError, AttributeError):
        import ctypes

        setsig = ctypes.pythonapi.PyOS_setsig
        setsig.argtypes, setsig.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        setsig(number, None)


def _in_main_thread(call: Callable[[], None], loop: Any) -> None:
    """Call `call` in the main thread as soon as it runs Python: before the effect that it waits for returns."""
    if threading.current_thread() is threading.main_thread():
        call()
        return
    try:
        import ctypes
    except ImportError:
        return
    pending = _PendingCall(call)
    _PENDING.append(pending)
    truth_of = ctypes.cast(ctypes.pythonapi.PyObject_IsTrue, ctypes.c_void_p)
    if ctypes.pythonapi.Py_AddPendingCall(truth_of, ctypes.py_object(pending)) == 0:
        del _PENDING[:-100]
    else:  # the queue holds at most 32 calls; a refused one must not displace their references
        _PENDING.remove(pending)
        loop.call_later(_RETRY_INTERVAL, _in_main_thread, call, loop)


class _PendingCall:
    """A call that Python makes when it computes the truth value of this object.

    A signal handler can raise during the call, as Ctrl-C does. `PyObject_IsTrue` passes the exception on to the main
    thread. A callback of `ctypes` would lose it and return an undefined number, at which Python may crash.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __bool__(self) -> bool:
        self._call()
        return False


# References to the pending calls, since Python holds none.
_PENDING: list[_PendingCall] = []
SIGNAL_HANDLERS = SignalHandlers()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: SIGNAL_HANDLERS.forget())
