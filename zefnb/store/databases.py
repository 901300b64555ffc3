"""The databases that are open: a service of the runtime."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from zefnb.core.uid import generate_uid
from zefnb.engine.context import call_context
from zefnb.engine.runtime import Runtime
from zefnb.store.change import stored_values
from zefnb.store.dict_database import DictDatabase
from zefnb.store.memory import MemoryStore
from zefnb.store.store import OPEN, Done, Store, Work

T = TypeVar("T")


class Databases:
    """Makes, finds and closes databases. One in memory lives until it is closed or the program ends."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._opening = threading.Lock()
        self._opened_here: dict[str, Store] = {}

    def create(self, initial: Mapping[Any, Any]) -> DictDatabase:
        """A new database in memory."""
        store = MemoryStore()
        _fill(store, initial)
        return self._opened(generate_uid(), store)

    async def open(self, path: str, initial: Mapping[Any, Any]) -> DictDatabase:
        """The database in the file at `path`, which is made when there is none; an open one is shared."""
        handle: DictDatabase = await self._in_handler_thread(lambda: self._open(_resolved(path), initial))
        return handle

    def _open(self, path: str, initial: Mapping[Any, Any]) -> DictDatabase:
        from zefnb.store.sqlite import SQLiteStore

        with self._opening:
            for uid, store in list(OPEN.items()):
                if isinstance(store, SQLiteStore) and store.is_at(path):
                    _fill(store, initial)
                    return DictDatabase(uid)
                if isinstance(store, SQLiteStore) and store.path == path:
                    self._close_replaced(uid, store)
            opened = SQLiteStore(path)
            try:
                if opened.uid in OPEN:
                    opened.renew_uid()
                _fill(opened, initial)
            except BaseException:
                opened.close()
                raise
            return self._opened(opened.uid, opened)

    def _close_replaced(self, uid: str, store: Store) -> None:
        """Close what was open at a path before its file was removed or replaced: its journal would be in the way."""
        OPEN.pop(uid, None)
        self._opened_here.pop(uid, None)
        store.close()
        self._runtime.call_queue.put(self._runtime.ended, uid)

    def _opened(self, uid: str, store: Store) -> DictDatabase:
        OPEN[uid] = self._opened_here[uid] = store
        return DictDatabase(uid)

    def store(self, handle: DictDatabase) -> Store:
        """The store behind a handle; `NotRunning` when there is none in this process."""
        store = OPEN.get(handle._uid)
        if store is None:
            raise self._runtime.not_running(handle)
        return store

    def write(self, store: Store, work: Work[T]) -> T | Awaitable[T]:
        """What `work` answers: at once from memory, as an awaitable from a disk."""
        return store.write(work) if store.quick else self._submitted(lambda done: store.submit(work, done))

    def read(self, store: Store, query: Callable[[], Any], quick: bool) -> Any:
        """What `look` answers: at once from memory when it is `quick`, else as an awaitable."""
        return query() if store.quick and quick else self._queried(query)

    async def _queried(self, query: Callable[[], Any]) -> Any:
        result = await self._in_handler_thread(query)
        return await result if inspect.iscoroutine(result) else result  # of an `async def`

    async def _in_handler_thread(self, call: Callable[[], Any]) -> Any:
        """Have `call` made in a handlers' thread, so that neither a disk nor a user's function stops the loop."""
        return await self._submitted(lambda done: self._runtime.handler_threads.submit(done, call_context().run, call))

    async def _submitted(self, submit: Callable[[Done], None]) -> Any:
        """Ask, and await the answer, whichever thread brings it."""
        future: asyncio.Future[Any] = self._runtime.loop.create_future()
        submit(lambda result, error: self._runtime.call_queue.put(_settle, future, result, error))
        return await future

    async def end(self, handle: DictDatabase) -> None:
        """Close a database, after what was submitted to it."""
        store = self.store(handle)
        OPEN.pop(handle._uid, None)
        self._opened_here.pop(handle._uid, None)
        self._runtime.ended(handle._uid)
        if store.quick:
            store.close()
        else:
            await self._in_handler_thread(store.close)

    async def close(self) -> None:
        """Close all that were opened here."""
        await asyncio.gather(*(self.end(DictDatabase(uid)) for uid in list(self._opened_here)))


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # who waited was interrupted
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _fill(store: Store, initial: Mapping[Any, Any]) -> None:
    """Write `initial`, unless there is something already."""
    if initial:
        stored = stored_values(store, initial)
        store.write(lambda table: None if len(table) else table.update(stored))


def _resolved(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))
