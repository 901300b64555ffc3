"""A change of several keys: all of them, or none."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from zefnb.core.op import Op, as_chain
from zefnb.errors import FieldError, Hint, InvalidEffect, InvalidValue, StorageFailed, UnknownKey, shown
from zefnb.store.key import canonical_key, checked_key, key_name
from zefnb.store.store import Store, Table
from zefnb.text.short_repr import short_str

_KEYS_COMPARED = 200
_KEYS_NAMED = 20
_HINTS = 2
_LONGEST_ERROR = 200
# How often a function is called again for new values, since others have changed them meanwhile.
MOST_ATTEMPTS = 1_000
_MISSING: Any = object()


class Counts(NamedTuple):
    """The numbers of changed keys."""

    inserted: int
    updated: int
    removed: int
    # `None` if no ops were given.
    changed: int | None = None

    @property
    def given(self) -> dict[str, int]:
        """The numbers by name."""
        return {name: count for name, count in self._asdict().items() if count is not None}


class Change:
    """Keys to set, existing keys to set, keys to remove, and ops of current values. The values are copied."""

    def __init__(
        self,
        database: object,
        store: Store,
        *,
        insert: Mapping[Any, Any],
        update: Mapping[Any, Any],
        remove: Sequence[Any],
        change: Mapping[Any, Any] | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._insert = stored_values(store, insert)
        self._update = stored_values(store, update)
        self._remove = [checked_key(key) for key in remove]
        self._ops = {} if change is None else chains(change)
        self._refuse_duplicates(
            {"insert": self._insert, "update": self._update, "remove": self._remove, "change": self._ops}
        )
        self._changes = change is not None
        # The latest stored forms of the values to change, and of their results.
        self._before: dict[Any, Any] = {}
        self._after: dict[Any, Any] = {}

    @staticmethod
    def _refuse_duplicates(parts: Mapping[str, Any]) -> None:
        seen: dict[bytes, str] = {}
        faults = []
        for field, keys in parts.items():
            for key in keys:
                earlier = seen.setdefault(canonical_key(key), field)
                if earlier != field:
                    faults.append(
                        FieldError(field, f"key {key_name(key)} is in {earlier}, too", "each key in one field")
                    )
        if len(seen) < sum(map(len, parts.values())) and not faults:
            faults.append(FieldError("remove", "a key is given twice", "each key once"))
        if faults:
            raise InvalidEffect("FX.UpdateDB", faults)

    @property
    def inline(self) -> bool:
        """Whether all ops are quick enough to run on the event loop, or while nothing else can be written."""
        return all(op.inline for op in self._ops.values())

    @property
    def functions(self) -> str:
        """The ops, each once, as a text."""
        return ", ".join(islice(dict.fromkeys(map(repr, self._ops.values())), _KEYS_NAMED))

    def at_once(self, table: Table) -> Counts:
        """Apply the ops, and make the change, on the table of a store."""
        self.read(table)
        self.apply()
        return self._make(table)

    def attempt(self) -> Counts:
        """Apply the ops, and make the change, without keeping others from the store meanwhile.

        If another change comes in between, the ops are applied again. Raises `StorageFailed` when that does not end.
        """
        for _ in range(MOST_ATTEMPTS if self._ops else 1):
            if self._ops:
                self._store.write(self.read)
                self.apply()
            counts = self._store.write(self._make_unless_changed)
            if counts is not None:
                return counts
        text = f"{self._database!r} was changed {MOST_ATTEMPTS:,} times while FX.UpdateDB applied {self!r}"
        raise StorageFailed(f"{text}; a chain of library ops is applied without such attempts")

    def __repr__(self) -> str:
        """The ops by key, for errors and the journal."""
        return ", ".join(f"{op!r} of key {key_name(key)}" for key, op in islice(self._ops.items(), _KEYS_NAMED))

    def read(self, table: Table) -> None:
        """Read the values to change."""
        self._before = {key: table.get(key, _MISSING) for key in self._ops}

    def apply(self) -> None:
        """Apply the ops to copies of these values. Raises `InvalidValue` with the key and the op if one fails."""
        self._after = {key: self._applied(key, op, self._before[key]) for key, op in self._ops.items()}

    def _applied(self, key: Any, op: Op, stored: Any) -> Any:
        value = None if stored is _MISSING else self._store.restored(key, stored)
        result: Any = None
        try:
            result = op(value)
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError("it is an async function; only plain ones can be used here")
        except Exception as error:
            of, allowed = shown(value), ""
            if stored is _MISSING:
                of, allowed = "None, since there is no such key,", "an op that takes None, such as add(1)"
            problem = f"{op!r} of {of} raised {type(error).__name__}: {short_str(error, _LONGEST_ERROR)}"
            fault = FieldError(f"change[{key_name(key)}]", problem, allowed, "Nothing was changed")
            raise InvalidValue("FX.UpdateDB", [fault]) from error
        return self._store.stored(key, result)

    def _make_unless_changed(self, table: Table) -> Counts | None:
        for key, before in self._before.items():
            now = table.get(key, _MISSING)
            # In memory a new value is another object; from a file, equal bytes are the same value.
            if now is not before and not (type(now) is type(before) is bytes and now == before):
                return None
        return self._make(table)

    def _make(self, table: Table) -> Counts:
        missing = [key for key in (*self._update, *self._remove) if key not in table]
        if missing:
            raise unknown_key(self._store, self._database, missing)
        table.update(self._insert)
        table.update(self._update)
        table.update(self._after)
        for key in self._remove:
            del table[key]
        return Counts(
            len(self._insert), len(self._update), len(self._remove), len(self._ops) if self._changes else None
        )


def chains(change: Mapping[Any, Any]) -> dict[Any, Op]:
    """Return the keys, checked, with their ops. Raises `InvalidValue` for a value that is not an op."""
    return {checked_key(key): as_chain(op, "FX.UpdateDB", f"change[{key_name(key)}]") for key, op in change.items()}


def stored_values(store: Store, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the keys, checked, with the stored form of their values."""
    return {checked_key(key): store.stored(key, value) for key, value in values.items()}


def unknown_key(store: Store, database: object, missing: Sequence[Any]) -> UnknownKey:
    """Return the error for missing keys; it names them and the closest existing key."""
    more = ["…"] if len(missing) > _KEYS_NAMED else []
    names = ", ".join([*map(key_name, missing[:_KEYS_NAMED]), *more])
    text = f"{database!r} has no key{'s' if len(missing) > 1 else ''} {names}"
    return UnknownKey(text, *(Hint(key, lambda: store.keys(_KEYS_COMPARED)) for key in missing[:_HINTS]))
