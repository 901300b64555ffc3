"""Observed actors: while an object observes an actor, it gets each message with the result of its handler.

An observed actor has, for that time, a subclass and a behaviour of its own, so that other actors pay nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

from zefnb.core.function import ZefFunction
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import Behaviour, Result


class ActorObserver(Protocol):
    """Observes one actor. Called on the loop, except `raised`, which is called where the handler ran."""

    def arrives(self, message: Any) -> None:
        """A message is put into the mailbox. Messages are taken in this order."""

    def begins(self) -> None:
        """The next message is taken."""

    def returned(self, effects: Any, state: Any) -> None:
        """The handler of the current message has returned."""

    def raised(self, error: BaseException) -> None:
        """The handler of the current message has failed. May follow `returned`, whose result is then not used."""


class _ObservedBehaviour:
    """A behaviour that also passes each result to the observers of an actor."""

    def __init__(self, inner: Behaviour, actor: Actor) -> None:
        self.inner = inner
        self.inline, self.transform, self.changes_messages = inner.inline, inner.transform, inner.changes_messages
        self.has_async, self.handler = inner.has_async, inner.handler
        self._observers = _OBSERVERS[actor]

    def find(self, message: Any, state: Any) -> ZefFunction | None:
        return self.inner.find(message, state)

    def read(self, result: Any, state: Any) -> Result:
        effects, state = self.inner.read(result, state)
        for observer in self._observers:
            observer.returned(effects, state)
        return effects, state


class _Observed(Actor):
    """An actor that has observers."""

    __slots__ = ()

    def deliver(self, message: Any, size: int | None = None) -> None:
        if not self._is_closing:
            for observer in _OBSERVERS.get(self, ()):
                observer.arrives(message)
        # By its name: a receiver may still have this method when the actor is no longer observed.
        Actor.deliver(self, message, size)

    def deliver_last(self, message: Any) -> None:
        if not self._is_closing:
            for observer in _OBSERVERS.get(self, ()):
                observer.arrives(message)
        super().deliver_last(message)

    def _take(self, message: Any) -> bool:
        for observer in _OBSERVERS[self]:
            observer.begins()
        return super()._take(message)

    def _no_rule_matched(self) -> bool:
        for observer in _OBSERVERS.get(self, ()):
            observer.returned((), self.state)
        # Without the observed behaviour, which the journal would take for another one.
        behaviour = self.behaviour
        self._notes.no_rule_matched(getattr(behaviour, "inner", behaviour), type(self._message), type(self.state))
        self.unmatched += 1
        return True

    def _report(self, error: BaseException) -> object:
        for observer in _OBSERVERS.get(self, ()):
            observer.raised(error)
        return super()._report(error)

    def end(self) -> None:
        super().end()
        _OBSERVERS.pop(self, None)


_OBSERVERS: dict[Actor, list[ActorObserver]] = {}


def observe_actor(actor: Actor, observer: ActorObserver) -> None:
    """Let `observer` observe an actor. Its observers are called in the order in which they were added."""
    observers = _OBSERVERS.setdefault(actor, [])
    observers.append(observer)
    if len(observers) == 1:
        actor.__class__ = _Observed
        actor.behaviour = _ObservedBehaviour(actor.behaviour, actor)


def unobserve_actor(actor: Actor, observer: ActorObserver) -> None:
    """Remove an observer; the last one restores the actor. May be repeated."""
    observers = _OBSERVERS.get(actor, [])
    if observer in observers:
        observers.remove(observer)
    if not observers and isinstance(actor, _Observed):
        _OBSERVERS.pop(actor, None)
        actor.behaviour = actor.behaviour.inner  # type: ignore[attr-defined]
        actor.__class__ = Actor  # type: ignore[assignment]
