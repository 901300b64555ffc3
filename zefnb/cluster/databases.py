"""The databases of a cluster, as one node uses them: it opens them by their path, and finds them by their uid."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from zefnb.cluster.broker_url import BrokerUrl
from zefnb.cluster.connection import Commands
from zefnb.cluster.database import ClusterStore
from zefnb.cluster.homes import Homes
from zefnb.cluster.incoming import Incoming
from zefnb.cluster.outgoing import Outgoing
from zefnb.core.uid import is_uid
from zefnb.engine.runtime import Runtime
from zefnb.store.databases import fill
from zefnb.store.dict_database import DictDatabase
from zefnb.store.store import FINDERS, OPEN, Store

_LONGEST_PATH = 200


class DatabaseNode(Protocol):
    """The local node, as its databases use it."""

    url: BrokerUrl
    cluster: str
    prefix: str
    commands: Commands
    incoming: Incoming
    outgoing: Outgoing
    homes: Homes


class ClusterDatabases:
    """The databases of the cluster. A handle from another node works here."""

    def __init__(self, runtime: Runtime, node: DatabaseNode) -> None:
        self._runtime = runtime
        self._node = node
        # The path of each database, by uid.
        self._paths: dict[str, str] = {}
        self._open: dict[str, ClusterStore] = {}
        # Those that this node has closed.
        self._closed: set[str] = set()
        self._lock = asyncio.Lock()

    async def begin(self) -> None:
        """Find the databases of the cluster from now on."""
        self._node.incoming.handlers["database"] = lambda publisher, value: self._add(value["uid"], value["path"])
        found = await self._node.commands.call("HGETALL", f"{self._node.prefix}:dbs")
        for uid, path in zip(found[::2], found[1::2], strict=True):
            self._add(uid.decode("utf-8", "replace"), path.decode("utf-8", "replace"))
        for uid, store in list(OPEN.items()):
            if isinstance(store, ClusterStore) and store.is_closed and uid in self._paths:
                del OPEN[uid]
        FINDERS.append(self._find)

    def _add(self, uid: Any, path: Any) -> None:
        if type(uid) is str and is_uid(uid) and type(path) is str and 0 < len(path) <= _LONGEST_PATH:
            self._paths[uid] = path

    async def open(self, path: str, initial: Mapping[Any, Any]) -> DictDatabase:
        """Open the database at `path`, and create it if there is none."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            store = self._store(path)
            try:
                await loop.run_in_executor(None, store.open)
                store = self._used(store)
                self._node.outgoing.announce("database", {"uid": store.uid, "path": path})
                self._add(store.uid, path)
                await loop.run_in_executor(None, fill, store, initial)
            except BaseException:
                if self._open.get(store.uid) is not store:
                    await loop.run_in_executor(None, store.end, "it could not be opened")
                raise
        return DictDatabase(store.uid)

    def _store(self, path: str) -> ClusterStore:
        return ClusterStore(self._runtime, self._node.url, self._node.cluster, path, self._node.homes)

    def _used(self, opened: ClusterStore) -> ClusterStore:
        """Return the open store of the same database, if there is one, and else this one, which is open now."""
        self._closed.discard(opened.uid)
        known = self._open.get(opened.uid)
        if known is not None and not known.is_closed:
            opened.end("it is open already")
            OPEN.setdefault(opened.uid, known)
            return known
        opened.on_close = lambda: self._closed.add(opened.uid)
        OPEN[opened.uid] = self._open[opened.uid] = opened
        return opened

    def _find(self, uid: str) -> Store | None:
        """Return the store of a handle that this node has not opened. In any thread, without waiting."""
        path = self._paths.get(uid)
        if path is None or uid in self._closed:
            return None
        known = self._open.get(uid)
        if known is not None and not known.is_closed:
            return OPEN.setdefault(uid, known)
        store = self._store(path)
        store.uid = uid
        return self._used(store)

    async def end(self) -> None:
        """Close all of them, since this process leaves. Their handles work again when it has joined again."""
        if self._find in FINDERS:
            FINDERS.remove(self._find)
        await asyncio.get_running_loop().run_in_executor(None, self._end_all)

    def _end_all(self) -> None:
        for store in self._open.values():
            store.end(
                f"the database {store.name!r} belongs to the cluster {self._node.cluster!r}, which this process has "
                "left; FX.JoinCluster() | run joins it again"
            )
