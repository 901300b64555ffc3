"""The copies of an actor's state: each handler receives its own, so that a handler that fails changes nothing."""

from __future__ import annotations

from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.entity import Entity
from zefnb.core.snapshot import snapshot, too_deep


class StateCopies:
    """Makes the copy for the next handler when a handler returns a state, so that a bad state is refused then."""

    __slots__ = ("_handle", "_ready", "unchanging")

    def __init__(self, handle: Entity) -> None:
        self._handle = handle
        # The last state that was found to be immutable: it is its own copy.
        self.unchanging: Any = None
        # A mutable state with its copy.
        self._ready: tuple[Any, Any] | None = None

    def prepare(self, state: Any) -> None:
        """Make the copy of a returned state. Raises `InvalidValue` if it is nested too deeply."""
        if type(state) not in PLAIN and state is not self.unchanging:
            self._ready = state, self._copy(state)

    def take(self, state: Any) -> Any:
        """Return the prepared copy of `state`, or make one: a prepared copy is used once. Raises as `prepare`."""
        ready, self._ready = self._ready, None
        if type(state) in PLAIN or state is self.unchanging:
            return state
        return ready[1] if ready is not None and ready[0] is state else self._copy(state)

    def _copy(self, state: Any) -> Any:
        # A state that a handler thread has prepared is not copied again on the loop.
        if self._ready is not None and self._ready[0] is state:
            return self._ready[1]
        try:
            copy = snapshot(state)
        except RecursionError:
            raise too_deep(repr(self._handle), "state") from None
        if copy is state:
            self.unchanging = state
        return copy
