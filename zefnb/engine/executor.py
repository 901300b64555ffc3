"""The threads of the loop's `run_in_executor`, which `asyncio.to_thread` and the lookup of host names use.

asyncio's own executor has locks that its threads hold while a finalizer may run in them. A finalizer that performs an
effect waits for the loop, and the loop would wait for the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from zefnb.engine.unawaited_thread import UnawaitedThread
from zefnb.text.short_repr import short_repr

Args = TypeVarTuple("Args")
Result = TypeVar("Result")

# As many as asyncio's executor has at most.
MOST_THREADS = 32


class OwnExecutor(asyncio.AbstractEventLoop):
    """A base class of loops: a call without an executor has a thread of its own. The loop waits for no thread."""

    def __init__(self, *args: Any) -> None:
        self._given = False
        self._threads = 0
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        super().__init__(*args)

    def set_default_executor(self, executor: Any) -> None:
        """Use this executor for later calls without one."""
        super().set_default_executor(executor)
        self._given = True

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], Result], *args: *Args
    ) -> asyncio.Future[Result]:
        """Return a future for the result of `func(*args)` in another thread. From the loop."""
        if executor is not None or self._given:
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[Any] = self.create_future()
        self._waiting.append((future, partial(func, *args)))
        self._start_next()
        return future

    def _start_next(self) -> None:
        while self._waiting and self._threads < MOST_THREADS:
            future, call = self._waiting.popleft()
            if future.cancelled():
                continue
            try:
                UnawaitedThread(target=self._work, args=(future, call), name="zefnb-executor").start()
            except RuntimeError as error:  # no thread is available
                future.set_exception(error)
            else:
                self._threads += 1

    def _work(self, future: asyncio.Future[Any], call: Callable[[], Any]) -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # also SystemExit, which must not end the thread
            # A future takes no StopIteration, and the loop would end at a SystemExit.
            error = raised if _is_usual(raised) else RuntimeError(short_repr(raised))
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self.call_soon_threadsafe(self._finish, future, result, error)

    def _finish(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._threads -= 1
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        self._start_next()


def _is_usual(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, StopIteration)
