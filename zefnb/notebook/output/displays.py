"""Displays: a kernel's display publisher, which sends the displays of handlers to the cells of these handlers."""

from __future__ import annotations

from typing import Any, Protocol

Output = dict[str, Any]

_classes: dict[type, type] = {}


class Routes(Protocol):
    """The destinations of displays. Its methods are called in the thread of the code that displays something."""

    def own_header(self) -> dict[str, Any] | None:
        """Return the parent header of the message, or `None` for the publisher's own."""

    def take_display(self, output: Output) -> bool:
        """Return true if nothing is to be published; the output is as a notebook stores it."""

    def clear_displays(self, wait: bool) -> bool:
        """Return true if no request to clear the outputs is to be published."""

    def displayed(self) -> None:
        """A display has been published."""

    def cleared(self, wait: bool) -> None:
        """A request to clear the outputs has been published; with `wait`, the next output does it."""


def route_displays(publisher: Any, routes: Routes) -> None:
    """Make the publisher call `routes` for each display and each request to clear."""
    plain = type(publisher)
    publisher.__class__ = _routed(plain)
    publisher._zefnb_routes = routes


def unroute_displays(publisher: Any) -> None:
    """Restore the publisher."""
    plain = getattr(publisher, "_zefnb_plain", None)
    if plain is not None:
        publisher.__class__ = plain
        del publisher._zefnb_routes


def _routed(plain: Any) -> type:
    """Return the class of a routed publisher."""
    if plain in _classes:
        return _classes[plain]

    class Routed(plain):  # type: ignore[misc]
        _zefnb_plain = plain

        @property
        def parent_header(self) -> Any:
            own = self._zefnb_routes.own_header()
            return plain.parent_header.__get__(self, type(self)) if own is None else own

        @parent_header.setter
        def parent_header(self, header: Any) -> None:
            plain.parent_header.__set__(self, header)

        def publish(self, data: Any, metadata: Any = None, *, update: bool = False, **options: Any) -> None:
            # The front end finds an updated display by its id, in any cell.
            output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
            if update or not self._zefnb_routes.take_display(output):
                super().publish(data, metadata, update=update, **options)
                self._zefnb_routes.displayed()

        def clear_output(self, wait: bool = False) -> None:
            if not self._zefnb_routes.clear_displays(wait):
                super().clear_output(wait)
                self._zefnb_routes.cleared(wait)

    Routed.__name__, Routed.__qualname__, Routed.__module__ = plain.__name__, plain.__qualname__, plain.__module__
    _classes[plain] = Routed
    return Routed
