"""The runtime: one loop with its journal, its services and its call queue."""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import time
from array import array
from collections.abc import Callable, Coroutine, Hashable
from types import FrameType
from typing import Any, TypeVar

from zefnb.core.effect import DEFAULT_REGISTRY, Registry
from zefnb.engine.c_memory import share_arenas
from zefnb.engine.call_queue import CallQueue
from zefnb.engine.cells import CellRegistry
from zefnb.engine.cells import current_owner as current_owner
from zefnb.engine.handler_threads import HandlerThreads
from zefnb.engine.journal import Journal
from zefnb.engine.loop import LoopThread
from zefnb.engine.side_thread import LOGGING, flush
from zefnb.engine.signals import SIGNAL_HANDLERS
from zefnb.engine.start import forbid_starts, run_in_own_thread
from zefnb.engine.switch_interval import SwitchInterval
from zefnb.engine.waker import thread_waker
from zefnb.errors import Interrupted, NotRunning

S = TypeVar("S")

_REMEMBERED_ENDS = 10_000
_EXIT_TIMEOUT = 1.5
_CLOSING_POLL = 0.005


class Runtime:
    """Performs effects. A process has one, `default_runtime()`; tests make their own.

    Services (the hub, the servers, the databases) are made on first use and closed with the runtime.
    """

    def __init__(self, registry: Registry = DEFAULT_REGISTRY) -> None:
        share_arenas()  # before the first of its threads
        self.registry = registry
        self.journal = Journal()
        self.thread = LoopThread(on_escape=self._escaped)
        self.loop = self.thread.loop
        self.call_queue = CallQueue(self.loop, on_error=self._escaped)
        self.handler_threads = HandlerThreads(self.loop, self.call_queue, self._threads_full, self._locale_restored)
        self.cells = CellRegistry()
        # The cause of the message that is being delivered, or `None`; see topics/causes.py.
        self.cause: Any = None
        # Called on the loop with each performed effect and its result or error. One with an attribute `any_thread` is
        # called with `None` for an effect that another thread submits without a round trip to the loop.
        self.monitors: tuple[Callable[[Any, Any], None], ...] = ()
        # Read directly where each message needs a service; otherwise by `service`.
        self.services: dict[type, Any] = {}
        # The hashes of the uids of ended objects. One block: texts would hold on to the memory of ended connections.
        self._ended = array("q", bytes(8 * _REMEMBERED_ENDS))
        self._ended_count = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.loop.call_soon(self.loop.set_exception_handler, self._loop_fault)
        self.thread.start()

    def service(self, kind: Callable[[Runtime], S]) -> S:
        """Return the runtime's only instance of `kind`, made on first use.

        There is no lock, since the loop could wait for a thread that waits for the loop. If two threads, or a signal
        handler, make an instance at the same time, the first one is used. The constructor must therefore have no
        effect elsewhere.
        """
        found: S | None = self.services.get(kind)  # type: ignore[call-overload]
        if found is None:
            found = self.services.setdefault(kind, kind(self))  # type: ignore[call-overload]
        return found

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` on the loop, from the loop. Its exception is written to the journal."""
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report(task.get_name(), error)

    def report(self, text: str, error: BaseException, key: Hashable = None, **details: Any) -> None:
        """Write an exception to the journal, off the loop: a `__str__` or a `__repr__` of the program may take time."""
        if not LOGGING.off_loop(lambda: self.journal.exception(text, error, key=key, **details)):
            text = "an error was not written here, since the text of an earlier one takes long"
            self.journal.note("error", text, key="errors that were not written")

    def ended(self, uid: str | None) -> None:
        """Remember that the object with this uid has ended, to distinguish it from objects of other processes."""
        if uid is not None:
            self._ended[self._ended_count % _REMEMBERED_ENDS] = hash(uid)
            self._ended_count += 1

    def not_running(self, handle: Any, listed_by: str = "") -> NotRunning:
        """Return the error for a handle without a running object; `listed_by` is the effect that lists the handles."""
        uid = getattr(handle, "_uid", None)
        if hash(uid) in self._ended:
            return NotRunning(f"{handle!r} has been stopped")
        hint = "use a handle only in the process that made it"
        if listed_by:
            hint = f"{hint}; {listed_by} | run lists the handles of this process"
        return NotRunning(f"{handle!r} belongs to another process, not to this one ({os.getpid()}); {hint}")

    def _escaped(self, error: BaseException) -> None:
        self.report("an exception reached the loop", error)

    def _loop_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            # asyncio's message may include the arguments of a callback, which may come from a peer.
            self.report(context.get("message", "fault on the loop"), error, key="fault on the loop")
        else:
            self.journal.note("error", str(context.get("message")), key=context.get("message"))

    def _threads_full(self, text: str) -> None:
        self.journal.note("warning", text, key="handlers wait for a thread")

    def _locale_restored(self, name: str, found: str) -> None:
        text = (
            f"{name} changed the locale of the whole process to {found}, and it has been restored; set a locale before "
            "the server starts, or format without it: f'{number:,}', strftime('%d.%m.%Y')"
        )
        self.journal.note("warning", text, key=("locale", name), handler=name)

    @property
    def is_alive(self) -> bool:
        """Whether effects can be performed."""
        return self.thread.is_alive

    def close(self, timeout: float = _EXIT_TIMEOUT) -> None:
        """Close every service, then the loop. From another thread; waits at most about `timeout` seconds."""
        if not self.thread.is_alive or self.thread.is_current:
            return
        deadline = time.monotonic() + timeout
        ended: list[None] = []
        waker = thread_waker()

        async def end_services() -> None:
            for service in reversed(list(self.services.values())):
                close = getattr(service, "close", None)
                result = close() if close is not None else None
                if inspect.isawaitable(result):
                    await result
            # Wait for handlers of the messages that a stopping server delivers last.
            while not self.handler_threads.is_idle:
                await asyncio.sleep(_CLOSING_POLL)

        def end(task: asyncio.Task[None]) -> None:
            ended.append(None)
            waker.wake()

        def start() -> None:
            self.spawn(end_services(), "closing").add_done_callback(end)

        self.call_queue.put(start)
        while not ended and time.monotonic() < deadline:
            waker.wait()  # returns at intervals, so that Ctrl-C interrupts it on every system
        self.handler_threads.close()
        self.thread.stop()
        flush(max(0.0, deadline - time.monotonic()))

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Wait until `is_done()`, which is checked after each wake-up of the calling thread.

        Raises `Interrupted` if the loop has ended.
        """
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
                waker.wake()  # for the outer wait, which a signal handler interrupted: its wake-up may be consumed

    def abandon_after_fork(self) -> None:
        """In a forked child: drop the objects of the parent without sending close frames."""
        self.thread.abandon()
        for service in self.services.values():
            forget = getattr(service, "forget_sockets", None)
            if forget is not None:
                forget()
            if isinstance(service, SwitchInterval):
                service.restore()


def is_waiting_for_loop(frame: FrameType | None) -> bool:
    """Whether the thread with the current frame `frame` waits for the loop."""
    while frame is not None:
        if frame.f_code is Runtime.wait.__code__:
            return not frame.f_locals["is_done"]()
        frame = frame.f_back
    return False


_default: Runtime | None = None
# The runtimes of a forked child's parents. They are not freed, since this would close descriptors whose numbers the
# child may have reused.
_abandoned: list[Runtime] = []


def default_runtime() -> Runtime:
    """Return the process's runtime, and start it if it does not run. Raises `Interrupted` when the process ends."""
    runtime = _default
    if runtime is None or not runtime.thread.is_alive:
        runtime = run_in_own_thread(start_default_runtime)
    return runtime


def start_default_runtime() -> Runtime:
    """Return the process's runtime, and start it, in this thread, if it does not run."""
    global _default
    if _default is None or not _default.is_alive:
        _default = Runtime()
    return _default


def close_default_runtime() -> None:
    """Close the process's runtime, if it runs. It starts again on next use."""
    global _default
    runtime = _default
    if runtime is not None:
        try:
            runtime.close()  # handlers of the last messages still use it
        finally:
            if _default is runtime:
                _default = None


def end_default_runtime() -> None:
    """Close the process's runtime at the end of the process, so that it does not start again."""
    try:
        close_default_runtime()
    finally:
        forbid_starts("the process ends, and its runtime has been closed")


def _at_exit() -> None:
    SIGNAL_HANDLERS.await_end()
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
