"""Keys with the same hash: a dict or set compares each with all before it, so that many of them take for ever.

Text and bytes are hashed with a secret of the process. Numbers are not, nor what is made of them: tuples, complex
numbers, decimals. Whoever writes a file can choose thousands of them that have one hash.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from zefnb.store.scan import Undecodable

# Powers of two up to 2**3000 have so many of each hash; whatever else occurs by chance, far fewer.
MOST_ALIKE = 60
_SECRET = (str, bytes)


class Hashes:
    """The hashes of the keys of one dict or set, counted as they come."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def check(self, keys: Iterable[Any]) -> None:
        """Count these keys, too; `Undecodable` when more than `MOST_ALIKE` have the same hash."""
        counts = self._counts
        for key in keys:
            if type(key) not in _SECRET:
                hashed = hash(key)
                counts[hashed] = count = counts.get(hashed, 0) + 1
                if count > MOST_ALIKE:
                    raise Undecodable(f"more than {MOST_ALIKE} keys of a dict, or members of a set, have the same hash")


def check_hashes(keys: Iterable[Any]) -> None:
    """Refuse, with `Undecodable`, keys of which more than `MOST_ALIKE` have the same hash."""
    Hashes().check(keys)


class _Seen(NamedTuple):
    container: Any  # so that its id stays its own
    hashes: Hashes


# The reader that is written in Python: pickle's own lets nobody in between. It has no types.
_PythonReader: Any = getattr(pickle, "_Unpickler")  # noqa: B009


class CarefulReader(_PythonReader):  # type: ignore[misc]
    """Reads a pickle that `scan` has let through, and looks at the hashes of keys before a dict or set compares them.

    It takes ten times as long as pickle's other reader.
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
