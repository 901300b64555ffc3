"""Effects on databases."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from zefnb.core.effect import effect
from zefnb.core.entity import Success
from zefnb.core.op import as_chain
from zefnb.core.types import Matcher
from zefnb.errors import FieldError, InvalidEffect
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
    persistence: Literal["in_memory", "local_disk"] = "in_memory",
    path: str | os.PathLike[str] | None = None,
    initial_state: Mapping[Any, Any] | None = None,
) -> DictDatabase | Awaitable[DictDatabase]:
    """Create a database, or open one on disk: a dict that all actors and the notebook share.

    A database on disk keeps zefnb's values and plain data. Of other types it keeps what they become (docs/values.md),
    such as the list of a numpy array. An acknowledged change is not lost if the process is killed.
    The same path is the same database, also when the cell runs again, and in other processes.

    Args:
        type: `DictDatabase`.
        persistence: 'in_memory' (the default) for a new database that keeps any value until it is closed or the program
            ends; 'local_disk' for a file.
        path: The path of the file, for 'local_disk' only. The file is created if there is none; its directory must
            exist.
        initial_state: A dict that is written if the database is empty.

    Returns:
        `DictDatabase('🍃-…')`, which is used like a dict.

    Raises:
        InvalidEffect: The path is missing, not valid, or given for a database in memory.
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
            raise InvalidEffect("FX.CreateDB", [FieldError("path", problem, "with persistence='local_disk' only")])
        return databases.create(initial_state or {})
    if path is None:
        fault = FieldError("path", "missing with persistence='local_disk'", "the path of the database's file")
        raise InvalidEffect("FX.CreateDB", [fault])
    if not os.fsdecode(path) or "\0" in os.fsdecode(path):
        raise InvalidEffect("FX.CreateDB", [FieldError("path", f"got {os.fsdecode(path)!r}", "the path of a file")])
    return databases.open(os.fsdecode(path), initial_state or {})


@effect("UpdateDB")
def update_db(
    runtime: Runtime,
    *,
    db: DictDatabase,
    insert: Mapping[Any, Any] | None = None,
    remove: list[Any] | tuple[Any, ...] | None = None,
    update: Mapping[Any, Any] | None = None,
) -> Success | Awaitable[Success]:
    """Change several keys of a database: all of them, or none.

    For a database on disk, it returns when a kill of the process can no longer undo the change; the event loop is not
    blocked meanwhile.

    Args:
        db: The database.
        insert: A dict of keys to set, new or existing.
        remove: A list of existing keys to remove.
        update: A dict of existing keys to set.

    Returns:
        `ET.Success(inserted=…, updated=…, removed=…)`, with the numbers of keys.

    Raises:
        UnknownKey: A key to update or to remove does not exist; nothing is changed.
        InvalidEffect: There is nothing to change, or a key is given twice.
        InvalidValue: A key or value cannot be stored.
        NotRunning: The database has been closed, or belongs to another process.
        StorageFailed: The file cannot be written.

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase) | run
    >>> FX.UpdateDB(db=db, insert={'Ada': 1, 'Bob': 2}) | run
    ET.Success(inserted=2, updated=0, removed=0)
    >>> FX.UpdateDB(db=db, update={'Ada': 5}, remove=['Bob']) | run
    ET.Success(inserted=0, updated=1, removed=1)
    >>> dict(db)
    {'Ada': 5}
    """
    from zefnb.store.change import Change
    from zefnb.store.databases import Databases
    from zefnb.store.store import Table

    if insert is None and remove is None and update is None:
        raise InvalidEffect("FX.UpdateDB", [FieldError("", "no change is given", "insert, update, remove")])
    databases = runtime.service(Databases)
    store = databases.store(db)
    change = Change(db, store, insert=insert or {}, update=update or {}, remove=remove or ())

    def work(table: Table) -> Any:
        return Success(**change(table)._asdict())

    return databases.write(store, work)


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
    return databases.read(store, lambda: chain(dict(store.items())), quick=chain.inline)


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
