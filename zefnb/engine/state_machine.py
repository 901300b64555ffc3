"""State machines: the part of an actor that performs nothing. It finds handlers, calls them and keeps the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.effect import Effect
from zefnb.core.entity import ET, Entity
from zefnb.core.function import ZefFunction
from zefnb.core.outline import outline
from zefnb.engine.behaviour import Behaviour
from zefnb.engine.state_copies import StateCopies


class StateMachine:
    """A behaviour and a state, which a message advances. A subclass calls the handlers and uses the effects.

    A handler receives a copy of a mutable state, and only the machine holds `state` itself.
    """

    __slots__ = ("_context", "_copies", "_handler", "_message", "behaviour", "handle", "state")

    def __init__(self, behaviour: Behaviour, state: Any, handle: Entity) -> None:
        self.behaviour = behaviour
        self.state = state
        self.handle = handle
        self._context: Entity | None = None
        self._handler: ZefFunction | None = None
        self._message: Any = None
        self._copies = StateCopies(handle)

    def _find(self, message: Any) -> tuple[ZefFunction | None, Any, Any]:
        """Return the handler, the message, and a copy of the state, which the handler may change."""
        behaviour = self.behaviour
        # For the journal, which shows the message as it was before the handler changed it.
        is_unchanged = type(message) in PLAIN or not behaviour.changes_messages
        self._message = message if is_unchanged else outline(message)
        if behaviour.transform is not None:
            message = behaviour.transform(message)
            self._message = message if type(message) in PLAIN else outline(message)
        state = self.state
        if type(state) not in PLAIN and state is not self._copies.unchanging:
            state = self._copies.take(state)
        handler = behaviour.handler
        if handler is None:
            handler = behaviour.find(message, state)
        self._handler = handler
        return handler, message, state

    def _call(self, handler: ZefFunction, message: Any, state: Any) -> Any:
        """Call a handler, in the current thread."""
        if handler.wants_context:
            return handler.invoke(message, state, self._context_for(handler))
        return handler.call(message, state)

    def _advance(self, result: Any) -> Sequence[Effect]:
        """Set the next state of a handler's result, and return the effects."""
        effects, state = self.behaviour.read(result, self.state)
        if type(state) not in PLAIN and state is not self._copies.unchanging:
            self._copies.prepare(state)
        self.state = state
        return effects

    def _context_for(self, handler: ZefFunction) -> Entity | None:
        """Return the third argument of handlers that take one: the actor and its source topic."""
        if handler.wants_context and self._context is None:
            source = self.handle.input if "input" in self.handle.__dict__ else None
            self._context = ET.ActorContext(actor=self.handle, source_topic=source)
        return self._context
