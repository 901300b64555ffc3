"""The open databases: a service of the runtime."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from zefnb.core.uid import generate_uid
from zefnb.engine.context import call_context
from zefnb.engine.lent_lock import LentLock
from zefnb.engine.runtime import Runtime
from zefnb.store.change import Change, Counts, stored_values
from zefnb.store.dict_database import DictDatabase
from zefnb.store.memory import MemoryStore
from zefnb.store.store import OPEN, Done, Store, find_store
from zefnb.store.thread_share import ThreadShare

T = TypeVar("T")


class _Call:
    """A call of a user's function in a thread of the share."""

    __slots__ = ("is_running",)

    def __init__(self) -> None:
        self.is_running = True


_outer_call: ContextVar[_Call | None] = ContextVar("zefnb_call_of_a_database", default=None)


def _call_within(this: _Call, call: Callable[[], Any]) -> Any:
    _outer_call.set(this)
    return call()


class Databases:
    """Opens, finds and closes databases. A database in memory exists until it is closed or the program ends."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # Lent to a finalizer that runs while a database is being opened, and opens one with an effect.
        self._opening = LentLock()
        self._opened_here: dict[str, Store] = {}

    def create(self, initial: Mapping[Any, Any]) -> DictDatabase:
        """Create a database in memory."""
        store = MemoryStore()
        fill(store, initial)
        return self._opened(generate_uid(), store)

    async def open(self, path: str, initial: Mapping[Any, Any]) -> DictDatabase:
        """Open the database in the file at `path`, or create it. A database that is open already is shared."""
        handle: DictDatabase = await self._in_handler_thread(lambda: self._open(_resolved(path), initial))
        return handle

    def _open(self, path: str, initial: Mapping[Any, Any]) -> DictDatabase:
        from zefnb.store.sqlite import SQLiteStore

        with self._opening:
            if (known := self._known(path)) is not None:
                fill(OPEN[known._uid], initial)
                return known
            opened = SQLiteStore(path)
            if (known := self._known(path)) is not None:  # by such a finalizer
                opened.close()
                fill(OPEN[known._uid], initial)
                return known
            try:
                if opened.uid in OPEN:
                    opened.renew_uid()
                fill(opened, initial)
            except BaseException:
                opened.close()
                raise
            return self._opened(opened.uid, opened)

    def _known(self, path: str) -> DictDatabase | None:
        """The handle of the database that is open at `path`. One whose file was replaced since is closed."""
        from zefnb.store.sqlite import SQLiteStore

        for uid, store in list(OPEN.items()):
            if isinstance(store, SQLiteStore) and store.is_at(path):
                return DictDatabase(uid)
            if isinstance(store, SQLiteStore) and store.path == path:
                self._close_replaced(uid, store)
        return None

    def _close_replaced(self, uid: str, store: Store) -> None:
        """Close a database whose file has been removed or replaced, since the new file cannot use its journal."""
        OPEN.pop(uid, None)
        self._opened_here.pop(uid, None)
        store.close()
        self._runtime.call_queue.put(self._runtime.ended, uid)

    def _opened(self, uid: str, store: Store) -> DictDatabase:
        OPEN[uid] = self._opened_here[uid] = store
        return DictDatabase(uid)

    def store(self, handle: DictDatabase) -> Store:
        """Return the store of a handle. Raises `NotRunning` if this process has none."""
        store = find_store(handle._uid)
        if store is None:
            raise self._runtime.not_running(handle)
        return store

    def change(self, store: Store, change: Change, result: Callable[[Counts], T]) -> T | Awaitable[T]:
        """Return the result of a change; for a store on disk, or for ops that may take time, an awaitable of it."""
        if not change.inline:

            def attempt() -> T:
                return result(change.attempt())

            attempt.__qualname__ = change.functions  # the journal shows it
            return self._in_share(attempt)
        # In memory, the ops are applied before the store is locked: they may run converters and other foreign code.
        if store.quick:
            return result(change.attempt())
        return self._submitted(lambda done: store.submit(lambda table: result(change.at_once(table)), done))

    def read(self, store: Store, query: Callable[[], Any], quick: bool) -> Any:
        """Return the result of `query`; for a store on disk, or a query that is not `quick`, an awaitable of it."""
        return query() if store.quick and quick else self._queried(query, quick)

    async def _queried(self, query: Callable[[], Any], quick: bool) -> Any:
        result = await (self._in_handler_thread(query) if quick else self._in_share(query))
        return await result if inspect.iscoroutine(result) else result  # a coroutine if the query is an `async def`

    async def _in_handler_thread(self, call: Callable[[], Any]) -> Any:
        """Call `call` in a handler thread, so that neither a disk nor a user's function blocks the loop."""
        return await self._submitted(lambda done: self._runtime.handler_threads.submit(done, call_context().run, call))

    async def _in_share(self, call: Callable[[], Any]) -> Any:
        """Call a user's function in a thread of the share, since it may wait for any time."""
        outer = _outer_call.get()
        if outer is not None and outer.is_running:
            # The outer function holds a thread of the share until this call returns. If all of them did and waited for
            # another thread of the share, they would wait for ever.
            return await self._in_handler_thread(call)
        context, this = call_context(), _Call()

        def in_context() -> Any:
            try:
                return context.run(_call_within, this, call)
            finally:
                this.is_running = False

        in_context.__qualname__ = name = call.__qualname__  # the journal shows it
        return await self._runtime.service(ThreadShare).call(name, lambda slot: None, in_context)

    async def _submitted(self, submit: Callable[[Done], None]) -> Any:
        """Call `submit`, and await the result that it passes to its callback, in any thread."""
        future: asyncio.Future[Any] = self._runtime.loop.create_future()
        submit(lambda result, error: self._runtime.call_queue.put(_settle, future, result, error))
        return await future

    async def end(self, handle: DictDatabase) -> None:
        """Close a database, after the work that was submitted to it."""
        store = self.store(handle)
        OPEN.pop(handle._uid, None)
        self._opened_here.pop(handle._uid, None)
        self._runtime.ended(handle._uid)
        if store.quick:
            store.close()
        else:
            await self._in_handler_thread(store.close)

    async def close(self) -> None:
        """Close all databases that this runtime opened."""
        await asyncio.gather(*(self.end(DictDatabase(uid)) for uid in list(self._opened_here)))


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # the waiting task was cancelled
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def fill(store: Store, initial: Mapping[Any, Any]) -> None:
    """Write `initial` if the database is empty."""
    if initial:
        stored = stored_values(store, initial)
        store.write(lambda table: None if len(table) else table.update(stored))


def _resolved(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))
