"""The copies of an actor's state: each handler receives its own, so that a handler that fails changes nothing."""

from __future__ import annotations

from time import monotonic
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.entity import Entity
from zefnb.core.size import has_many_parts
from zefnb.core.snapshot import snapshot, too_deep

_NOTHING = object()
# Seconds. Later copies of a state whose copy takes longer are not made on the loop.
_LONG = 0.001


class StateCopies:
    """Makes the copy for the next handler when a handler returns a state, so that a bad state is refused then.

    The caller first tests, without a call, whether a state needs a copy: plain values and `unchanging` need none.
    """

    __slots__ = ("_copy", "_handle", "_original", "is_large", "unchanging")

    def __init__(self, handle: Entity) -> None:
        self._handle = handle
        # The last state that was found to be immutable: it is its own copy.
        self.unchanging: Any = None
        # Whether the last copy took long: measuring it costs less than counting the parts of each state.
        self.is_large = False
        # A mutable state with its copy.
        self._original: Any = _NOTHING
        self._copy: Any = None

    def prepare(self, state: Any) -> None:
        """Make the copy of a returned state. Raises `InvalidValue` if it is nested too deeply."""
        if self._original is state:  # a handler thread has prepared it, and it is not copied again on the loop
            return
        started = monotonic()
        try:
            copy = snapshot(state)
        except RecursionError:
            raise too_deep(repr(self._handle), "state") from None
        # Another program, too, may have had the processor meanwhile.
        self.is_large = monotonic() - started > _LONG and has_many_parts(state)
        if copy is state:
            self.unchanging = state
        else:
            self._original, self._copy = state, copy

    def prepare_result(self, result: Any) -> Any:
        """Make the copy of the state in a handler's result. Returns the result."""
        self.prepare(result[1])
        return result

    def takes_time(self, state: Any) -> bool:
        """Whether the copy of `state` has yet to be made, and may keep the loop from other work."""
        if state is self.unchanging or state is self._original or type(state) in PLAIN:
            return False
        return has_many_parts(state)

    def take(self, state: Any) -> Any:
        """Return the prepared copy of `state`, or make one: a prepared copy is used once. Raises as `prepare`."""
        if self._original is not state:
            self.prepare(state)
            if self._original is not state:
                return state
        copy = self._copy
        self._original = self._copy = _NOTHING
        return copy

    def discard(self) -> None:
        """Forget a prepared copy: its state has not become the actor's, and may change until it is returned again."""
        self._original = self._copy = _NOTHING
