"""The table of a database in the broker: reads on demand, and remembers the reads and the changes."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple, Protocol

from zefnb.cluster.database_format import body, keys_of, place_of, value_of
from zefnb.store.key import canonical_key


class Source(Protocol):
    """Where the table reads."""

    def read_field(self, field: bytes) -> bytes | None:
        """Return the content of a field, or `None`."""

    def read_all(self) -> tuple[bytes, dict[bytes, bytes]]:
        """Return the version, and the content of each field."""


class _Set(NamedTuple):
    key: Any
    value: bytes
    # Whether the key was deleted before, so that it is the last one now.
    is_last: bool


class RemoteTable(MutableMapping[Any, bytes]):
    """Keys and encoded values for a batch of changes. Nothing is written until the store sends the changes."""

    def __init__(self, source: Source, known: dict[bytes, bytes | None]) -> None:
        self._source = source
        # The contents that have been read, by field.
        self.reads: dict[bytes, bytes | None] = {}
        # The contents that earlier reads have found, and that may have changed since.
        self._known = known
        # Whether none of those has been used.
        self.is_certain = True
        self.changes: dict[bytes, _Set | None] = {}
        # If everything has been read: the version of the database then.
        self.version: bytes | None = None
        self._all: dict[bytes, bytes] = {}
        self._keys: dict[bytes, Any] = {}

    def _content(self, field: bytes) -> bytes | None:
        if self.version is not None:
            return self._all.get(field)
        if field not in self.reads:
            if field in self._known:
                self.reads[field], self.is_certain = self._known[field], False
            else:
                self.reads[field] = self._source.read_field(field)
        return self.reads[field]

    def _load(self) -> None:
        if self.version is None:
            version, self._all = self._source.read_all()
            self._keys, self.version = keys_of(self._all), version

    def __getitem__(self, key: Any) -> bytes:
        field = canonical_key(key)
        if field in self.changes:
            change = self.changes[field]
            if change is None:
                raise KeyError(key)
            return change.value
        content = self._content(field)
        if content is None:
            raise KeyError(key)
        return value_of(content)

    def __setitem__(self, key: Any, value: bytes) -> None:
        field = canonical_key(key)
        earlier = self.changes.get(field)
        if earlier is None and field in self.changes:  # it was deleted
            del self.changes[field]
            self.changes[field] = _Set(key, value, True)
        else:
            self.changes[field] = _Set(key, value, earlier is not None and earlier.is_last)

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        self.changes[canonical_key(key)] = None

    def __contains__(self, key: object) -> bool:
        field = canonical_key(key)
        return self.changes[field] is not None if field in self.changes else self._content(field) is not None

    def __iter__(self) -> Iterator[Any]:
        self._load()
        in_place = [key for field, key in self._keys.items() if self._has_place(field)]
        return iter(
            [*in_place, *(each.key for field, each in self.changes.items() if each and not self._has_place(field))]
        )

    def _has_place(self, field: bytes) -> bool:
        """Whether the key of a field has its place from before."""
        change = self.changes.get(field)
        return field in self._keys and (not change.is_last if change is not None else field not in self.changes)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def popitem(self) -> tuple[Any, bytes]:
        """Remove and return the last item, as a dict does."""
        keys = list(self)
        if not keys:
            raise KeyError("empty")
        return keys[-1], self.pop(keys[-1])

    def clear(self) -> None:
        for key in list(self):
            del self[key]

    def contents(self) -> dict[bytes, bytes | None]:
        """Return the contents of the fields after the changes, as far as they are known."""
        found = dict(self.reads)
        for field, change in self.changes.items():
            before = found.pop(field, None)
            if before is not None and change is not None and not change.is_last:
                found[field] = place_of(before) + body(change.key, change.value)
        return found

    def arguments(self) -> list[bytes]:
        """Return the checks and the changes as arguments of the script."""
        found = [self.version or b"", b"%d" % len(self.reads)]
        for field, content in self.reads.items():
            found += [field, b"0" if content is None else b"1" + content]
        for field, change in self.changes.items():
            if change is None:
                found += [b"D", field, b""]
            else:
                found += [b"N" if change.is_last else b"S", field, body(change.key, change.value)]
        return found
