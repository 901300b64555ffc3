"""DictDatabase: the handle of a database, which is used like a dict."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, NoReturn

from zefnb.core.codec.kinds import Kind, register_kind
from zefnb.core.uid import is_uid
from zefnb.errors import FieldError, InvalidValue, UnknownKey, shown
from zefnb.store.key import KEY_WRITERS, checked_key
from zefnb.store.store import Store, Table, find_store

_NOT_GIVEN: Any = object()
_View = Callable[["DictDatabase", Store | None], Store | None]
_view: _View | None = None


def set_view(view: _View | None) -> None:
    """Let handles use what `view` returns for their store; `None` removes it. Effects use the store itself.

    A database that is closed has no store.
    """
    global _view
    _view = view


class DictDatabase(MutableMapping[Any, Any]):
    """A handle on a database that `FX.CreateDB` made: a dict that all actors and the notebook share.

    It can be used from any thread. Every operation is atomic, and consistent with `FX.UpdateDB` and `FX.QueryDB`. A
    read and a later write are two operations: `db['n'] += 1` in two threads may count once, and
    `FX.UpdateDB(db=db, change={'n': add(1)})` counts twice. A read returns a copy; changes of the copy have no effect
    on the database until it is written back. A write to disk returns when it is
    stored, and blocks the event loop meanwhile; `FX.UpdateDB` does not.

    The handle is an immutable value. Handles with the same uid are equal, and the `repr` evaluates to the handle.

    Args:
        uid: The uid of an open database.

    Raises:
        UnknownKey: There is no such key.
        InvalidValue: A key or value cannot be stored, or the uid is not valid.
        NotRunning: The database has been closed, or belongs to another process.
        StorageFailed: The file cannot be read or written.
        ClusterUnavailable: The broker of the cluster does not reply.
        WouldBlock: A database of a cluster is used on the event loop, by an inline function perhaps.

    >>> from zefnb import *
    >>> db = FX.CreateDB(type=DictDatabase) | run
    >>> db['guests'] = ['Ada']
    >>> db['guests'], 'hosts' in db, len(db)
    (['Ada'], False, 1)
    """

    __slots__ = ("__weakref__", "_uid")
    _uid: str

    def __init__(self, uid: str, /) -> None:
        if not isinstance(uid, str) or not is_uid(uid):
            hint = "FX.CreateDB(type=DictDatabase) creates a database and returns its handle"
            fault = FieldError("uid", f"got {shown(uid)}", "'🍃-' and 20 hex digits", hint)
            raise InvalidValue("DictDatabase", [fault])
        object.__setattr__(self, "_uid", str(uid))

    def _store(self) -> Store:
        store = find_store(self._uid)
        if _view is not None:
            store = _view(self, store)
        if store is None:
            from zefnb.engine.runtime import default_runtime

            raise default_runtime().not_running(self)
        return store

    def _write(self, key: Any, work: Callable[[Table], Any]) -> Any:
        store = self._store()
        try:
            return store.write(work)
        except KeyError:
            raise _unknown(self, store, key) from None

    def __getitem__(self, key: Any) -> Any:
        store = self._store()
        try:
            return store.get(checked_key(key))
        except KeyError:
            raise _unknown(self, store, key) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        checked_key(key)
        store = self._store()
        stored = store.stored(key, value)
        store.write(lambda table: table.__setitem__(key, stored))

    def __delitem__(self, key: Any) -> None:
        checked_key(key)
        self._write(key, lambda table: table.__delitem__(key))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._store().keys())

    def __len__(self) -> int:
        return len(self._store())

    def __contains__(self, key: object) -> bool:
        return checked_key(key) in self._store()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, or `default`."""
        try:
            return self._store().get(checked_key(key))
        except KeyError:
            return default

    def items(self) -> ItemsView[Any, Any]:
        """Return a view of keys and values; each iteration uses a consistent snapshot."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """Return a view of the values; each iteration uses a consistent snapshot."""
        return _Values(self)

    def pop(self, key: Any, default: Any = _NOT_GIVEN) -> Any:
        """Remove `key` and return its value, or `default` if given. A value that cannot be read is not removed."""
        checked_key(key)
        store = self._store()
        try:
            return store.write(lambda table: _popped(store, table, key))
        except KeyError:
            if default is not _NOT_GIVEN:
                return default
            raise _unknown(self, store, key) from None

    def popitem(self) -> tuple[Any, Any]:
        """Remove the key that was inserted last, and return it and its value."""
        store = self._store()
        try:
            popped: tuple[Any, Any] = store.write(lambda table: _popped_last(store, table))
        except KeyError:
            raise UnknownKey(f"{self!r} is empty") from None
        return popped

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value under `key`, after writing `default` if there is none."""
        checked_key(key)
        store = self._store()
        try:
            return store.get(key)
        except KeyError:
            stored = store.stored(key, default)
        return store.restored(key, store.write(lambda table: table.setdefault(key, stored)))

    def update(self, other: Any = (), /, **values: Any) -> None:
        """Write all items of a dict, of pairs and of the keyword arguments, in one operation."""
        from zefnb.store.change import stored_values

        store = self._store()
        stored = stored_values(store, dict(other, **values))
        store.write(lambda table: table.update(stored))

    def clear(self) -> None:
        """Remove every key."""
        self._store().write(lambda table: table.clear())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The rows, for `pandas.DataFrame(db)`: columns key and value. Called by numpy alone, which is loaded then."""
        import numpy

        from zefnb.store.row import Row

        rows = numpy.empty(len(items := list(self.items())), dtype=object)
        rows[:] = [Row(key, value) for key, value in items]
        return rows

    def __eq__(self, other: object) -> bool:
        return self._uid == other._uid if isinstance(other, DictDatabase) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._uid)

    def __repr__(self) -> str:
        return f"DictDatabase({self._uid!r})"

    def __reduce__(self) -> tuple[type[DictDatabase], tuple[str]]:
        return DictDatabase, (self._uid,)

    def __copy__(self) -> DictDatabase:
        return self

    def __deepcopy__(self, memo: object) -> DictDatabase:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} is immutable; set a value with db[{name!r}] = ...")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self!r} is immutable; remove a value with del db[{name!r}]")


register_kind("database", DictDatabase, Kind(lambda handle: (handle._uid,), DictDatabase))
KEY_WRITERS[DictDatabase] = lambda key: b"d" + key._uid.encode()


def _unknown(database: DictDatabase, store: Store, key: Any) -> Exception:
    from zefnb.store.change import unknown_key

    return unknown_key(store, database, [key])


def _popped(store: Store, table: Table, key: Any) -> Any:
    """Remove `key` and return its value; a value that cannot be read is not removed."""
    value = store.restored(key, table[key])
    del table[key]
    return value


def _popped_last(store: Store, table: Table) -> tuple[Any, Any]:
    key, stored = table.popitem()
    try:
        return key, store.restored(key, stored)
    except BaseException:
        table[key] = stored
        raise


class _Items(ItemsView[Any, Any]):
    _mapping: DictDatabase

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._mapping._store().items())


class _Values(ValuesView[Any]):
    _mapping: DictDatabase

    def __iter__(self) -> Iterator[Any]:
        return iter([value for _, value in self._mapping._store().items()])

    def __contains__(self, wanted: object) -> bool:
        return any(value is wanted or value == wanted for value in self)
