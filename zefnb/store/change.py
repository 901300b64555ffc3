"""A change of several keys: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from zefnb.errors import FieldError, Hint, InvalidEffect, UnknownKey
from zefnb.store.key import canonical_key, checked_key, key_name
from zefnb.store.store import Store, Table

_KEYS_COMPARED = 200
_KEYS_NAMED = 20
_HINTS = 2


class Counts(NamedTuple):
    """The numbers of changed keys."""

    inserted: int
    updated: int
    removed: int


class Change:
    """Keys to set, existing keys to set, and keys to remove. The values are copied."""

    def __init__(
        self,
        database: object,
        store: Store,
        *,
        insert: Mapping[Any, Any],
        update: Mapping[Any, Any],
        remove: Sequence[Any],
    ) -> None:
        self._database = database
        self._store = store
        self._insert = stored_values(store, insert)
        self._update = stored_values(store, update)
        self._remove = [checked_key(key) for key in remove]
        self._refuse_duplicates({"insert": self._insert, "update": self._update, "remove": self._remove})

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

    def __call__(self, table: Table) -> Counts:
        """Make the change on the table of a store."""
        missing = [key for key in (*self._update, *self._remove) if key not in table]
        if missing:
            raise unknown_key(self._store, self._database, missing)
        table.update(self._insert)
        table.update(self._update)
        for key in self._remove:
            del table[key]
        return Counts(len(self._insert), len(self._update), len(self._remove))


def stored_values(store: Store, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the keys, checked, with the stored form of their values."""
    return {checked_key(key): store.stored(key, value) for key, value in values.items()}


def unknown_key(store: Store, database: object, missing: Sequence[Any]) -> UnknownKey:
    """Return the error for missing keys; it names them and the closest existing key."""
    more = ["…"] if len(missing) > _KEYS_NAMED else []
    names = ", ".join([*map(key_name, missing[:_KEYS_NAMED]), *more])
    text = f"{database!r} has no key{'s' if len(missing) > 1 else ''} {names}"
    return UnknownKey(text, *(Hint(key, lambda: store.keys(_KEYS_COMPARED)) for key in missing[:_HINTS]))
