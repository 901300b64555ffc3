"""Displays: a kernel's display publisher, which sends the displays of handlers to the cells of these handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Output = dict[str, Any]
Header = Callable[[], "dict[str, Any] | None"]
Take = Callable[["Output | None"], bool]

_classes: dict[type, type] = {}


def route_displays(publisher: Any, header: Header, take: Take) -> None:
    """Make the publisher use the header that `header` returns, if any, and skip the outputs for which `take` is true.

    `take` gets an output as a notebook stores it, or `None` for the request to clear all previous outputs.
    """
    plain = type(publisher)
    publisher.__class__ = _routed(plain)
    publisher._zefnb_header, publisher._zefnb_take = header, take


def unroute_displays(publisher: Any) -> None:
    """Restore the publisher."""
    plain = getattr(publisher, "_zefnb_plain", None)
    if plain is not None:
        publisher.__class__ = plain
        del publisher._zefnb_header, publisher._zefnb_take


def _routed(plain: Any) -> type:
    """Return the class of a routed publisher."""
    if plain in _classes:
        return _classes[plain]

    class Routed(plain):  # type: ignore[misc]
        _zefnb_plain = plain

        @property
        def parent_header(self) -> Any:
            own = self._zefnb_header()
            return plain.parent_header.__get__(self, type(self)) if own is None else own

        @parent_header.setter
        def parent_header(self, header: Any) -> None:
            plain.parent_header.__set__(self, header)

        def publish(self, data: Any, metadata: Any = None, *, update: bool = False, **options: Any) -> None:
            # The front end finds an updated display by its id, in any cell.
            output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
            if update or not self._zefnb_take(output):
                super().publish(data, metadata, update=update, **options)

        def clear_output(self, wait: bool = False) -> None:
            if not self._zefnb_take(None):
                super().clear_output(wait)

    Routed.__name__, Routed.__qualname__, Routed.__module__ = plain.__name__, plain.__qualname__, plain.__module__
    _classes[plain] = Routed
    return Routed
