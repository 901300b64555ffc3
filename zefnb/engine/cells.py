"""The cell registry: the objects that each cell made, which a later execution of the cell replaces."""

from __future__ import annotations

import contextvars
from typing import Any, NamedTuple

from zefnb.core.execution import Identity

# The identity of the object that the current effect starts.
current_identity: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("zefnb_identity", default=None)

# The actor whose effects are performed: it owns what it starts, also from a handler in a thread.
current_owner: contextvars.ContextVar[Any] = contextvars.ContextVar("zefnb_owner", default=None)

# The server whose HTTP handler runs. The server or the owner determines the cell that shows a handler's output.
current_server: contextvars.ContextVar[Any] = contextvars.ContextVar("zefnb_server", default=None)

# The method and the path of the route whose HTTP handler runs.
current_route: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("zefnb_route", default=None)

# Notices for the user who ran the cell, collected while the effect is performed: lines, and values with a `show()`.
# `None` while no caller waits for the effect.
current_notices: contextvars.ContextVar[list[Any] | None] = contextvars.ContextVar("zefnb_notices", default=None)


_REMEMBERED_CELLS = 10_000


class Made(NamedTuple):
    """A handle, and the execution in which it was made, with its label."""

    handle: Any
    token: object
    label: str


def _cell_identity() -> Identity | None:
    """Return the identity of the next object of the running cell; objects that an actor starts have none."""
    return current_identity.get() if current_owner.get() is None else None


class CellRegistry:
    """The handles of the servers, clients, actors, subscriptions and timers of each cell, by their order in it."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Made] = {}
        # The key in `_made` of each handle, by its uid.
        self._places: dict[str | None, tuple[object, ...]] = {}
        # By uid, also after an object has ended: its last output belongs to its cell, too.
        self._cells: dict[str | None, str] = {}

    def previous(self) -> Any:
        """Return the handle that an earlier execution of the running cell made in this place, or `None`."""
        identity = _cell_identity()
        made = self._made.get(identity.key) if identity is not None else None
        return made.handle if made is not None and identity is not None and made.token != identity.token else None

    def record(self, handle: Any) -> None:
        """Remember that the running cell made `handle` in this place."""
        identity = _cell_identity()
        if identity is not None:
            self._made[identity.key] = Made(handle, identity.token, identity.label)
            self._places[handle._uid] = identity.key
        self.assign_to_current_cell(handle)

    def assign_to_current_cell(self, handle: Any) -> None:
        """Show output of `handle` under the running cell, or under the cell of the actor that made it."""
        identity = _cell_identity()
        cell = str(identity.key[0]) if identity is not None else self.current_cell()
        if cell is not None:
            if len(self._cells) >= _REMEMBERED_CELLS:
                del self._cells[next(iter(self._cells))]
            self._cells[handle._uid] = cell

    def current_cell(self) -> str | None:
        """Return the cell of the running handler's actor or server, or `None` outside a handler."""
        owner = current_owner.get()
        if owner is not None:
            return self.cell_of(owner.server) or self.cell_of(owner.handle)
        return self.cell_of(current_server.get())

    def cell_of(self, handle: Any) -> str | None:
        """Return the cell that made `handle` and shows its output, also after it has ended."""
        return self._cells.get(handle._uid) if handle is not None else None

    def place_of(self, handle: Any) -> tuple[object, ...] | None:
        """Return the key of the place in which a cell made `handle`: the next execution of the cell has the same."""
        return self._places.get(handle._uid)

    def labels(self, handle: Any) -> tuple[str, str]:
        """Return the labels of the cell that made `handle` and of the running cell, each empty if there is none."""
        made = self._made.get(self._places.get(handle._uid, ()))
        identity = _cell_identity()
        return made.label if made is not None else "", identity.label if identity is not None else ""

    def has_made(self, cell: str) -> bool:
        """Whether an object that `cell` made is running."""
        return any(key[0] == cell for key in tuple(self._made))

    def replaced(self, what: str) -> None:
        """Add the notice that `what` has been replaced."""
        notices = current_notices.get()
        if notices is not None:
            notices.append(f"replaced {what}")

    def forget(self, handle: Any) -> None:
        """Remove `handle`, which has ended."""
        place = self._places.pop(handle._uid, None)
        if place is not None and (made := self._made.get(place)) is not None and made.handle == handle:
            self._made.pop(place, None)
