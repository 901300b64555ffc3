"""Observations of handlers: the topics that they publish to and the databases that they use.

A monitor of effects, which is there only while a picture is shown. Nothing else becomes slower.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from zefnb.core.effect import Effect
from zefnb.core.entity import Topic
from zefnb.engine.cells import current_owner, current_route, current_server
from zefnb.engine.runtime import Runtime
from zefnb.text.uids import MARK

# Pairs of a source and a topic or a database. A handler can publish to a topic for each message.
MOST_OBSERVED = 1_000
_MOST_OF_A_SOURCE = 50
# The field with the topic or the database, by the name of the effect.
_FIELDS = {"Publish": "target", "PublishAll": "target", "UpdateDB": "db", "QueryDB": "db"}


class Observation(NamedTuple):
    """The behaviour of an actor, or a route, and the topic or the database that it has used."""

    source: Any
    target: Any


class Observed:
    """The observations of a runtime: a service. Its counts can be changed in any thread."""

    # It may be called in the thread that submits an effect, so that this needs no round trip to the loop.
    any_thread = True

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._views = 0
        self._found: dict[tuple[Any, str], Observation] = {}
        self._of_source: dict[Any, int] = {}

    def acquire(self) -> Callable[[], None]:
        """Observe until the returned function is called. On the loop."""
        self._views += 1
        if self._views == 1:
            self._runtime.monitors = (*self._runtime.monitors, self)
        is_released = False

        def release() -> None:
            nonlocal is_released
            if is_released:
                return
            is_released = True
            self._views -= 1
            if not self._views:
                self._runtime.monitors = tuple(each for each in self._runtime.monitors if each is not self)

        return release

    def __call__(self, effect: Effect, result: Any) -> None:
        """Note an effect that is performed, if a handler has caused it."""
        field = _FIELDS.get(type(effect).__name__)
        if field is None:
            return
        owner = current_owner.get()
        source: Any
        if owner is not None:
            source = owner.behaviour
        elif (route := current_route.get()) is not None:
            source = (current_server.get()._uid, *route)
        else:
            return
        target = effect.__dict__[field]
        # Each client's actor has unnamed topics of its own, to which it replies: the arrow to its route is known.
        if isinstance(target, Topic) and owner is not None and owner.server is not None and _is_unnamed(target):
            return
        key = source, target._uid
        if key not in self._found and self._has_room(source):
            self._found[key] = Observation(source, target)

    def _has_room(self, source: Any) -> bool:
        count = self._of_source.get(source, 0)
        if count >= _MOST_OF_A_SOURCE or len(self._found) >= MOST_OBSERVED:
            return False
        self._of_source[source] = count + 1
        return True

    def all(self) -> list[Observation]:
        """Return the observations, in the order in which they were made first."""
        return list(self._found.values())

    def keep(self, sources: Collection[Any]) -> None:
        """Forget the observations of sources that have ended."""
        for key in list(self._found):
            if key[0] not in sources:
                self._found.pop(key, None)
                self._of_source.pop(key[0], None)


def _is_unnamed(topic: Topic) -> bool:
    return str(topic._uid).startswith(MARK)
