"""The runtime: one loop with its journal, its services and the queue that leads to it."""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import time
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

from zefnb.core.effect import DEFAULT_REGISTRY, Registry
from zefnb.engine.call_queue import CallQueue
from zefnb.engine.cells import CellRegistry
from zefnb.engine.cells import current_owner as current_owner
from zefnb.engine.ending import ENDING
from zefnb.engine.handler_threads import HandlerThreads
from zefnb.engine.journal import Journal
from zefnb.engine.log_thread import flush
from zefnb.engine.loop import LoopThread
from zefnb.engine.start import forbid_starts, run_in_own_thread
from zefnb.engine.switch_interval import SwitchInterval
from zefnb.engine.waker import thread_waker
from zefnb.errors import Interrupted, NotRunning

S = TypeVar("S")

_REMEMBERED_ENDS = 10_000
_EXIT_TIMEOUT = 1.5
_CLOSING_POLL = 0.005


class Runtime:
    """Runs values. There is one for a process, `default_runtime()`; tests make their own.

    Services (the hub, the servers, the databases) are made on first use and ended with it.
    """

    def __init__(self, registry: Registry = DEFAULT_REGISTRY) -> None:
        self.registry = registry
        self.journal = Journal()
        self.thread = LoopThread(on_escape=self._escaped)
        self.loop = self.thread.loop
        self.call_queue = CallQueue(self.loop, on_error=self._escaped)
        self.handler_threads = HandlerThreads(self.loop, self.call_queue, self._threads_full, self._locale_restored)
        self.cells = CellRegistry()
        # What led to the message that is being delivered, `None` where nothing of ours did: see topics/causes.py.
        self.cause: Any = None
        # Called on the loop with each performed effect and its answer or error: the monitor hook.
        self.monitors: tuple[Callable[[Any, Any], None], ...] = ()
        self._services: dict[type, Any] = {}
        self._ended: dict[str, None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.loop.call_soon(self.loop.set_exception_handler, self._loop_fault)
        self.thread.start()

    def service(self, kind: Callable[[Runtime], S]) -> S:
        """The runtime's one instance of `kind`, made on first use.

        Of two that are made at once, by two threads or by a signal handler, the first stays: a lock would have the
        loop wait for a thread that waits for the loop. So to make one must change nothing elsewhere.
        """
        found: S | None = self._services.get(kind)  # type: ignore[call-overload]
        if found is None:
            found = self._services.setdefault(kind, kind(self))  # type: ignore[call-overload]
        return found

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` on the loop, from the loop. Its failure is a fault in the journal."""
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.journal.exception(task.get_name(), error)

    def ended(self, uid: str | None) -> None:
        """Remember that what had this uid has ended, to tell it from what never was here."""
        if uid is not None:
            self._ended[uid] = None
            if len(self._ended) > _REMEMBERED_ENDS:
                del self._ended[next(iter(self._ended))]

    def not_running(self, handle: Any, listed_by: str = "") -> NotRunning:
        """The error for a handle that leads nowhere; `listed_by` is the effect that returns those that do."""
        uid = getattr(handle, "_uid", None)
        if uid in self._ended:
            return NotRunning(f"{handle!r} has been stopped")
        hint = "a handle works only in the process that made it"
        if listed_by:
            hint = f"{hint}; {listed_by} | run lists those of this one"
        return NotRunning(f"{handle!r} belongs to another process than this one ({os.getpid()}); {hint}")

    def _escaped(self, error: BaseException) -> None:
        self.journal.exception("an exception reached the loop", error)

    def _loop_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            # asyncio's message may quote the arguments of a callback, which a peer can have sent.
            self.journal.exception(context.get("message", "fault on the loop"), error, key="fault on the loop")
        else:
            self.journal.note("error", str(context.get("message")), key=context.get("message"))

    def _threads_full(self, text: str) -> None:
        self.journal.note("warning", text, key="handlers wait for a thread")

    def _locale_restored(self, name: str, found: str) -> None:
        text = (
            f"{name} left another locale ({found}) for the whole process, and it has been set back; set one before "
            "the server starts, or format without it: f'{number:,}', strftime('%d.%m.%Y')"
        )
        self.journal.note("warning", text, key=("locale", name), handler=name)

    @property
    def is_alive(self) -> bool:
        """Whether effects can be performed."""
        return self.thread.is_alive

    def close(self, timeout: float = _EXIT_TIMEOUT) -> None:
        """End every service politely, then the loop. From another thread; waits at most about `patience` seconds."""
        if not self.thread.is_alive or self.thread.is_current:
            return
        deadline = time.monotonic() + timeout
        ended: list[None] = []
        waker = thread_waker()

        async def end_services() -> None:
            for service in reversed(list(self._services.values())):
                close = getattr(service, "close", None)
                result = close() if close is not None else None
                if inspect.isawaitable(result):
                    await result
            # Handlers that saw their last message when their server stopped are heard out.
            while not self.handler_threads.is_idle:
                await asyncio.sleep(_CLOSING_POLL)

        def end(task: asyncio.Task[None]) -> None:
            ended.append(None)
            waker.wake()

        def start() -> None:
            self.spawn(end_services(), "closing").add_done_callback(end)

        self.call_queue.put(start)
        while not ended and time.monotonic() < deadline:
            waker.wait()  # in slices, so that Ctrl-C ends it on every system
        self.handler_threads.close()
        self.thread.stop()
        flush(max(0.0, deadline - time.monotonic()))

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Wait until `is_done`, when the calling thread's waker is rung, and not for a loop that has ended."""
        waker = thread_waker()
        is_nested, waker.is_awaited = waker.is_awaited, True
        try:
            while not is_done():
                waker.wait()
                if not self.thread.is_alive and not is_done():
                    raise Interrupted("the runtime has been closed")
        finally:
            waker.is_awaited = is_nested
            if is_nested:
                waker.wake()  # for the wait that a signal handler, the caller, has interrupted: its ring may be gone

    def abandon_after_fork(self) -> None:
        """In a forked child: drop what the parent runs, without sending close frames."""
        self.thread.abandon()
        for service in self._services.values():
            forget = getattr(service, "forget_sockets", None)
            if forget is not None:
                forget()
            if isinstance(service, SwitchInterval):
                service.restore()


def is_waiting_for_loop(frame: FrameType | None) -> bool:
    """Whether the thread that stands at `frame` waits for what the loop has yet to do."""
    while frame is not None:
        if frame.f_code is Runtime.wait.__code__:
            return not frame.f_locals["is_done"]()
        frame = frame.f_back
    return False


_default: Runtime | None = None
# What a forked child has from its parents: kept, because ending its objects would close descriptors
# whose numbers the child has given to others since.
_abandoned: list[Runtime] = []


def default_runtime() -> Runtime:
    """The process's runtime, started on first use and again after it was closed.

    Raises `Interrupted` when the process ends.
    """
    runtime = _default
    if runtime is None or not runtime.thread.is_alive:
        runtime = run_in_own_thread(start_default_runtime)
    return runtime


def start_default_runtime() -> Runtime:
    """What `made_apart` calls: start the process's runtime, unless it runs."""
    global _default
    if _default is None or not _default.is_alive:
        _default = Runtime()
    return _default


def close_default_runtime() -> None:
    """End the process's runtime, if it runs. It starts again on next use."""
    global _default
    runtime = _default
    if runtime is not None:
        try:
            runtime.close()  # handlers that see their last message use it meanwhile
        finally:
            if _default is runtime:
                _default = None


def end_default_runtime() -> None:
    """End the process's runtime for good: the process ends."""
    try:
        close_default_runtime()
    finally:
        forbid_starts("the process ends, and its runtime has been closed")


def _at_exit() -> None:
    ENDING.await_end()
    end_default_runtime()


def _after_fork() -> None:
    global _default
    runtime, _default = _default, None
    current_owner.set(None)
    if runtime is not None:
        runtime.abandon_after_fork()
        _abandoned.append(runtime)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
