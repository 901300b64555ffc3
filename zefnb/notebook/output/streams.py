"""Streams: a kernel's `stdout` and `stderr`, with a function that can take each text before it is written.

IPython replaces the `write` of the stream while a cell runs, and restores it afterwards. So the `write` of zefnb is not
an attribute of the stream but a property of its class. An assignment to it sets the next function to call, so that the
order in which other code replaces and restores `write` has no effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Take = Callable[[str], bool]

_inside = threading.local()
_classes: dict[type, type] = {}


def route(stream: Any, take: Take, flushed: Callable[[], bool]) -> None:
    """Call `take` with each text, and `flushed` at each flush. If they return true, the stream does nothing more."""
    plain = type(stream)
    next_write = vars(stream).pop("write", None)
    stream.__class__ = _routed(plain)
    stream._zefnb = _Route(stream, plain, take, flushed, next_write)


def unroute(stream: Any) -> None:
    """Restore `stream`."""
    found = vars(stream).pop("_zefnb", None)
    if found is None:
        return
    stream.__class__ = found.plain
    found.is_open = False
    if found.next_write is not None:
        stream.write = found.next_write


class _Route:
    def __init__(self, stream: Any, plain: type, take: Take, flushed: Callable[[], bool], next_write: Any) -> None:
        self.stream, self.plain, self.take, self.flushed, self.next_write = stream, plain, take, flushed, next_write
        self.is_open = True

    def write(self, text: str) -> Any:
        """Write a text: the `write` of the stream."""
        plain: Any = self.plain
        if getattr(_inside, "route", None) is self or not self.is_open:
            return plain.write(self.stream, text)
        if self.take(text):
            return len(text)
        if self.next_write is None:
            return plain.write(self.stream, text)
        # `next_write` calls the `write` that it replaced, which is this method: that call must go to the stream.
        _inside.route = self
        try:
            return self.next_write(text)
        finally:
            _inside.route = None


def _routed(plain: Any) -> type:
    """Return the class of a routed stream."""
    if plain in _classes:
        return _classes[plain]

    class Routed(plain):  # type: ignore[misc]
        @property
        def write(self) -> Any:
            return self._zefnb.write

        @write.setter
        def write(self, next_write: Any) -> None:
            self._zefnb.next_write = None if next_write == self._zefnb.write else next_write

        def flush(self) -> Any:
            return None if self._zefnb.flushed() else super().flush()

    Routed.__name__, Routed.__qualname__, Routed.__module__ = plain.__name__, plain.__qualname__, plain.__module__
    _classes[plain] = Routed
    return Routed
