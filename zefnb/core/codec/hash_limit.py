"""Keys with equal hashes: a dict or set compares each with all earlier ones, which takes quadratic time.

The hashes of text and bytes depend on a secret of the process. The hashes of numbers do not, nor those of tuples,
complex numbers and decimals, so that the author of a file can choose thousands of keys with equal hashes.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from zefnb.core.codec.scan import Undecodable

# Of the powers of two up to 2**3000, about 50 have each hash; other values have far fewer by chance.
HASH_LIMIT = 60
_SECRET = (str, bytes)


class Hashes:
    """The counts of the hashes of one dict's or set's keys."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def check(self, keys: Iterable[Any]) -> None:
        """Count the hashes of more keys. Raises `Undecodable` if more than `HASH_LIMIT` keys have the same hash."""
        counts = self._counts
        for key in keys:
            if type(key) not in _SECRET:
                hashed = hash(key)
                counts[hashed] = count = counts.get(hashed, 0) + 1
                if count > HASH_LIMIT:
                    raise Undecodable(f"more than {HASH_LIMIT} keys of a dict, or members of a set, have the same hash")


def check_hashes(keys: Iterable[Any]) -> None:
    """Raise `Undecodable` if more than `HASH_LIMIT` of the keys have the same hash."""
    Hashes().check(keys)


class _Seen(NamedTuple):
    container: Any  # held, so that its id is not reused
    hashes: Hashes


# The unpickler in Python: the one in C has no methods to override. It is not annotated.
_PythonReader: Any = getattr(pickle, "_Unpickler")  # noqa: B009


class CarefulReader(_PythonReader):  # type: ignore[misc]
    """Reads a pickle that `scan` has accepted, and checks the hashes of keys before a dict or set compares them.

    It takes ten times as long as the unpickler in C.
    """

    def __init__(self, stored: bytes, find: Callable[[str, str], Any]) -> None:
        super().__init__(io.BytesIO(stored))
        self._find = find
        self._seen: dict[int, _Seen] = {}

    def find_class(self, module: str, name: str) -> Any:
        return self._find(module, name)

    def _check(self, container: Any, keys: Iterable[Any]) -> None:
        seen = self._seen.setdefault(id(container), _Seen(container, Hashes()))
        seen.hashes.check(keys)

    def _setitem(self) -> None:
        self._check(self.stack[-3], self.stack[-2:-1])
        self.load_setitem()

    def _setitems(self) -> None:
        self._check(self.metastack[-1][-1], self.stack[::2])
        self.load_setitems()

    def _additems(self) -> None:
        self._check(self.metastack[-1][-1], self.stack)
        self.load_additems()

    def _frozenset(self) -> None:
        check_hashes(self.stack)
        self.load_frozenset()

    dispatch = {
        **_PythonReader.dispatch,
        pickle.SETITEM[0]: _setitem,
        pickle.SETITEMS[0]: _setitems,
        pickle.ADDITEMS[0]: _additems,
        pickle.FROZENSET[0]: _frozenset,
    }
