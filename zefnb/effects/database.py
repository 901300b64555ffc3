"""Effects on databases."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from zefnb.core.effect import effect
from zefnb.core.entity import Success
from zefnb.core.op import as_chain
from zefnb.core.types import Matcher
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.store.dict_database import DictDatabase

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime

    DatabaseType = type[DictDatabase]
else:

    class _DatabaseType:
        """The pattern that matches only the type `DictDatabase` itself."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=lambda value: value is DictDatabase)

        def __repr__(self) -> str:
            return "DictDatabase"

    DatabaseType = _DatabaseType()


_LONGEST_NAME = 200


class _NotGiven:
    """The default of a parameter for which `None` is a valid value."""

    def __repr__(self) -> str:
        return "..."


_NOT_GIVEN: Any = _NotGiven()


@effect("CreateDB")
def create_db(
    runtime: Runtime,
    *,
    type: DatabaseType,
    persistence: Literal["in_memory", "local_disk", "cluster"] = "in_memory",
    path: str | os.PathLike[str] | None = None,
    initial_state: Mapping[Any, Any] | None = None,
) -> DictDatabase | Awaitable[DictDatabase]:
    """Create a database, or open one on disk: a dict that all actors and the notebook share.

    A database on disk keeps zefnb's values and plain data. Of other types it keeps what they become (docs/values.md),
    such as the list of a numpy array. An acknowledged change is not lost if the process is killed.
    The same path is the same database, also when the cell runs again, and in other processes.

    With persistence='cluster', all nodes of the cluster that this process has joined share it. It is in the broker and
    keeps the same values as one on disk. Its handle can be sent to another node and works there. Reads and writes wait
    for the broker, so that inline functions use it by `FX.QueryDB` and `FX.UpdateDB` only.

    Args:
        type: `DictDatabase`.
        persistence: 'in_memory' (the default) for a new database that keeps any value until it is closed or the program
            ends; 'local_disk' for a file; 'cluster' for a database that all nodes share.
        path: The path of the file, for 'local_disk'. The file is created if there is none; its directory must
            exist. For 'cluster', the name of the database in the cluster, of 1 to 200 characters.
        initial_state: A dict that is written if the database is empty.

    Returns:
        `DictDatabase('🍃-…')`, which is used like a dict.

    Raises:
        InvalidEffect: The path is missing, not valid, or given for a database in memory.
        NotRunning: This process has not joined a cluster, for 'cluster'.
        ClusterUnavailable: The broker of the cluster does not reply.
        InvalidValue: A key or value of `initial_state` cannot be stored.
        StorageFailed: The file cannot be used.

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase, initial_state={'visits': 0}) | run
    >>> db['visits'] += 1
    >>> dict(db)
    {'visits': 1}
    """
    from zefnb.store.databases import Databases

    databases = runtime.service(Databases)
    if persistence == "in_memory":
        if path is not None:
            problem = f"got {os.fsdecode(path)!r} with persistence='in_memory'"
            raise InvalidEffect(
                "FX.CreateDB", [FieldError("path", problem, "with persistence='local_disk' or 'cluster'")]
            )
        return databases.create(initial_state or {})
    if persistence == "cluster":
        return _open_in_cluster(runtime, path, initial_state or {})
    if path is None:
        fault = FieldError("path", "missing with persistence='local_disk'", "the path of the database's file")
        raise InvalidEffect("FX.CreateDB", [fault])
    if not os.fsdecode(path) or "\0" in os.fsdecode(path):
        raise InvalidEffect("FX.CreateDB", [FieldError("path", f"got {os.fsdecode(path)!r}", "the path of a file")])
    return databases.open(os.fsdecode(path), initial_state or {})


def _open_in_cluster(runtime: Runtime, path: Any, initial: Mapping[Any, Any]) -> Awaitable[DictDatabase]:
    from zefnb.cluster.cluster import Cluster

    node = runtime.service(Cluster).joined
    name = None if path is None else os.fsdecode(path)
    if name is None or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        problem = "missing with persistence='cluster'" if name is None else f"got {shown(name)}"
        allowed = f"a name of 1 to {_LONGEST_NAME} characters"
        raise InvalidEffect("FX.CreateDB", [FieldError("path", problem, allowed)])
    return node.databases.open(name, initial)


@effect("UpdateDB")
def update_db(
    runtime: Runtime,
    *,
    db: DictDatabase,
    insert: Mapping[Any, Any] | None = None,
    remove: list[Any] | tuple[Any, ...] | None = None,
    update: Mapping[Any, Any] | None = None,
    change: Mapping[Any, Any] | None = None,
) -> Success | Awaitable[Success]:
    """Change several keys of a database: all of them, or none.

    For a database on disk, it returns when a kill of the process can no longer undo the change; the event loop is not
    blocked meanwhile. For a database of a cluster, it returns when the broker has made the change, as one step for all
    nodes; ops are applied again if another node has changed one of the keys in between.

    `change` applies ops to the current values, so that no change of others is lost: `change={'ada': add(1)}`. The op of
    a missing key receives None. Chains of library ops, and inline functions, are applied once, while nothing else is
    written. Any other function runs in a handler thread and may take its time; others can use the database meanwhile.
    It is called again if a value has changed in between, so it should do nothing but compute its result.

    Args:
        db: The database.
        insert: A dict of keys to set, new or existing.
        remove: A list of existing keys to remove.
        update: A dict of existing keys to set.
        change: A dict of keys, new or existing, with a chain of ops or a plain function of the current value each. The
            result is the new value.

    Returns:
        `ET.Success(inserted=…, updated=…, removed=…)`, with the numbers of keys; with `change`, also changed.

    Raises:
        UnknownKey: A key to update or to remove does not exist; nothing is changed.
        InvalidEffect: There is nothing to change, or a key is given twice.
        InvalidValue: A key or value cannot be stored, or an op is none or has raised; nothing is changed.
        NotRunning: The database has been closed, or belongs to another process.
        StorageFailed: The file cannot be written, or the values changed 1,000 times while a function was called.
        ClusterUnavailable: The broker has not accepted the change within 10 s. The text begins with "not sent" if
            nothing is changed, else with "outcome unknown".

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase) | run
    >>> FX.UpdateDB(db=db, insert={'Ada': 1, 'Bob': 2}) | run
    ET.Success(inserted=2, updated=0, removed=0)
    >>> FX.UpdateDB(db=db, update={'Ada': 5}, remove=['Bob']) | run
    ET.Success(inserted=0, updated=1, removed=1)
    >>> FX.UpdateDB(db=db, change={'Ada': add(1), 'Eve': add(1)}) | run
    ET.Success(inserted=0, updated=0, removed=0, changed=2)
    >>> dict(db)
    {'Ada': 6, 'Eve': 1}
    """
    from zefnb.store.change import Change
    from zefnb.store.databases import Databases

    if insert is None and remove is None and update is None and change is None:
        raise InvalidEffect("FX.UpdateDB", [FieldError("", "no change is given", "insert, update, remove, change")])
    databases = runtime.service(Databases)
    store = databases.store(db)
    wanted = Change(db, store, insert=insert or {}, update=update or {}, remove=remove or (), change=change)
    return databases.change(store, wanted, lambda counts: Success(**counts.given))


@effect("QueryDB")
def query_db(
    runtime: Runtime, *, db: DictDatabase, get: Any = _NOT_GIVEN, query: Callable[..., Any] | None = None
) -> Any:
    """Read a database: one value, or the result of a query on all of it. Give either `get` or `query`.

    Args:
        db: The database.
        get: A key. Default: none, and `query` is used.
        query: A chain of ops or a function, plain or async, of a dict with all keys and values. A user's function runs
            in a handler thread.

    Returns:
        A copy of the value under `get`, or the result of `query`.

    Raises:
        UnknownKey: There is no such key; the error names the closest one.
        InvalidEffect: Both or neither of `get` and `query` are given.
        InvalidValue: No database can have such a key.
        NotRunning: The database has been closed, or belongs to another process.
        StorageFailed: The file cannot be read.

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase, initial_state={'Ada': 3, 'Bob': 4}) | run
    >>> FX.QueryDB(db=db, get='Ada') | run
    3
    >>> FX.QueryDB(db=db, query=length) | run
    2
    """
    from zefnb.store.change import unknown_key
    from zefnb.store.databases import Databases
    from zefnb.store.key import checked_key

    if (get is _NOT_GIVEN) == (query is None):
        given = "both `get` and `query`" if query is not None else "neither `get` nor `query`"
        raise InvalidEffect("FX.QueryDB", [FieldError("get", f"got {given}", "exactly one of the two")])
    databases = runtime.service(Databases)
    store = databases.store(db)

    def value() -> Any:
        try:
            return store.get(checked_key(get))
        except KeyError:
            raise unknown_key(store, db, [get]) from None

    if query is None:
        return databases.read(store, value, quick=True)
    chain = as_chain(query, "FX.QueryDB", "query")

    def result() -> Any:
        return chain(dict(store.items()))

    result.__qualname__ = repr(chain)  # the journal shows it
    return databases.read(store, result, quick=chain.inline)


@effect("CloseDB")
async def close_db(runtime: Runtime, *, db: DictDatabase) -> Success:
    """Close a database after all changes that were submitted before.

    A database on disk stays in its file, and can be opened again with `FX.CreateDB`. A database in memory is deleted.

    Args:
        db: The database.

    Returns:
        `ET.Success()`.

    Raises:
        NotRunning: The database has been closed before, or belongs to another process.

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase) | run
    >>> FX.CloseDB(db=db) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.store.databases import Databases

    await runtime.service(Databases).end(db)
    return SUCCESS
