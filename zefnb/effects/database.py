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
        """The pattern that the type itself fits."""

        def __pattern__(self) -> Matcher:
            return Matcher(by_type=None, test=lambda value: value is DictDatabase)

        def __repr__(self) -> str:
            return "DictDatabase"

    DatabaseType = _DatabaseType()


class _NotGiven:
    """A default that is no key: `None` is one."""

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
    """Make a database, or open one that is on disk: a dict shared by all actors and the notebook.

    `type` is `DictDatabase`. With `persistence='in_memory'`, the default, it is new, keeps any value, and
    ends with the program or with `FX.CloseDB`. With `'local_disk'` it is the file at `path`, made when there
    is none, in a directory that exists; what was acknowledged survives the killing of the process; it keeps
    zefnb's values and plain data. The same path is the same database, also when the cell runs again and in
    another process. `initial_state`, a dict, is written when the database is empty.

    Returns `DictDatabase('🍃-…')`, which is used like a dict. Raises `InvalidEffect` for a path that is
    missing or too many, `InvalidValue` for what cannot be a key or be kept, `StorageFailed` for a file that
    cannot be used.

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
    """Change a database: all of it at once, or nothing.

    `insert`, a dict, sets keys that are there or not; `update`, a dict, sets keys that must be there;
    `remove`, a list, removes keys that must be there. From a disk it returns when the change would survive
    the killing of the process; others go on meanwhile.

    Returns `ET.Success(inserted=…, updated=…, removed=…)`. Raises `UnknownKey`, naming what is not there,
    `InvalidEffect` when nothing is given or a key is given twice, `InvalidValue` for what cannot be kept,
    `NotRunning` when the database is closed, `StorageFailed`.

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
        raise InvalidEffect("FX.UpdateDB", [FieldError("", "there is nothing to do", "insert, update, remove")])
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
    """Read a database: the value under the key `get`, or what `query` makes of a dict of everything.

    `query` is a chain of ops or any function, plain or async; a user's function runs in a handlers' thread. What is
    answered is a copy. Raises `UnknownKey`, with the closest key there is, `InvalidEffect` for both or
    neither, `NotRunning` when the database is closed, `StorageFailed`.

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
        raise InvalidEffect("FX.QueryDB", [FieldError("get", f"there are {given}", "exactly one of the two")])
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
    """Close a database after what was submitted to it. One on disk keeps everything; one in memory is gone.

    Every handle on it then raises `NotRunning`; a path can be opened again with `FX.CreateDB`.

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase) | run
    >>> FX.CloseDB(db=db) | run
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.store.databases import Databases

    await runtime.service(Databases).end(db)
    return SUCCESS
