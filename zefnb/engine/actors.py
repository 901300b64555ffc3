"""The actors that run, by uid."""

from __future__ import annotations

from typing import Any

from zefnb.core.entity import Actor as ActorHandle
from zefnb.engine.actor import Actor
from zefnb.engine.runtime import Runtime


class Actors:
    """The actors that run, by uid: a service of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._actors: dict[str | None, Actor] = {}

    def add(self, actor: Actor) -> None:
        """Keep `actor` until it ends."""
        self._actors[actor.handle._uid] = actor

    def remove(self, actor: Actor) -> None:
        """`actor` has ended."""
        self._actors.pop(actor.handle._uid, None)

    def get(self, handle: ActorHandle) -> Actor:
        """The actor of that handle; `NotRunning` when it has ended or lives elsewhere."""
        found = self._actors.get(handle._uid)
        if found is None:
            raise self._runtime.not_running(handle)
        return found

    def find(self, handle: ActorHandle) -> Actor | None:
        """The actor of that handle, or `None`."""
        return self._actors.get(handle._uid)

    def __iter__(self) -> Any:
        return iter(list(self._actors.values()))

    def __len__(self) -> int:
        return len(self._actors)
