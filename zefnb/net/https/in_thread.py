"""Calls in a thread of their own, for libraries that block. No exit of the process waits for the thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from typing import Any, TypeVar

from zefnb.engine.unawaited_thread import UnawaitedThread

T = TypeVar("T")


async def in_thread(name: str, call: Callable[[], T]) -> T:
    """Return the result of `call`, made in a new daemon thread. When the caller is cancelled, the call continues."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(call)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    UnawaitedThread(target=work, name=name).start()
    return await done
