"""An actor's entries in the journal.

Their texts show messages, results and exceptions of users, whose `__repr__` and `__str__` may take any time. So they
are made where the handler ran, or in a handler thread, except those of inline handlers, which run on the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import Entity
from zefnb.engine.effect_list import subject_of
from zefnb.engine.journal import Journal
from zefnb.errors import shown
from zefnb.text.article import with_article
from zefnb.text.short_repr import short_repr

# The result of a call in a handler thread that has only written to the journal.
REPORTED = object()


class ActorNotes:
    """Writes the entries of one actor. Any thread can call it."""

    __slots__ = ("_handle", "_journal", "_server")

    def __init__(self, journal: Journal, handle: Entity, server: Entity | None) -> None:
        self._journal = journal
        self._handle = handle
        self._server = server

    def takes(self, message: Any) -> None:
        """Note a message, for an actor that logs its messages."""
        self._journal.note("info", f"{self._handle!r} takes {shown(message)}", actor=self._handle)

    def handler_failed(self, name: str, error: BaseException, message: Any) -> None:
        """Note an exception of a handler."""
        self._journal.exception(
            f"handler {name}", error, handler=name, input=message, actor=self._handle, server=self._server
        )

    def effects_failed(self, name: str, failed: Sequence[tuple[Effect, BaseException]]) -> object:
        """Note exceptions of effects that a handler returned. Returns `REPORTED`."""
        for effect, error in failed:
            self._effect_failed(name, effect, error)
        return REPORTED

    def _effect_failed(self, name: str, effect: Effect, error: BaseException) -> None:
        text, key = f"{subject_of(effect, error)} of handler {name}", (type(effect), name)
        self._journal.exception(text, error, key=key, handler=name, actor=self._handle, server=self._server)

    def handler_blocked(self, name: str, duration: float) -> None:
        """Note that an inline handler kept the loop from other work."""
        text = (
            f"the inline handler {name} blocked the loop for {duration:.3f} s; remove inline=True to run it in a thread"
        )
        self._journal.note("warning", text, key=("blocks", name), handler=name, server=self._server)

    def no_rule_matched(self, behaviour: object, message: type, state: type) -> None:
        """Note that no rule takes a message of this type in a state of that type."""
        names = [repr(cls) if issubclass(cls, Entity) else cls.__name__ for cls in (message, state)]
        text = f"no rule takes {with_article(names[0])} in state {names[1]}"
        key = ("unmatched", behaviour, message, state)
        self._journal.note("info", text, key=key, actor=self._handle, server=self._server)

    def ending_failed(self, owned: object, error: BaseException) -> None:
        """Note an exception while something that the actor started was ended with it."""
        text = f"ending {short_repr(owned)} with its actor"
        self._journal.exception(text, error, key="ending with its actor", actor=self._handle)
