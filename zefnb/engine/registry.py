"""What runs of one kind, by the uid of its handle: found, listed, and forgotten when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from zefnb.core.entity import Entity
from zefnb.engine.runtime import Runtime


class Running(Protocol):
    """Something that runs until it ends, known by its handle."""

    @property
    def handle(self) -> Entity:
        """What users hold of it."""


R = TypeVar("R", bound=Running)


class Registry(Generic[R]):
    """The actors, servers, clients, timers or subscriptions that run: a service of the runtime. Lives on the loop."""

    # The effect that lists the handles; an error about a handle names it.
    listed_by: ClassVar[str] = ""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._running: dict[str | None, R] = {}

    def add(self, started: R) -> None:
        """Keep `started` until it is forgotten."""
        self._running[started.handle._uid] = started

    def find(self, handle: Entity) -> R | None:
        """What runs by that handle, or `None`."""
        return self._running.get(handle._uid)

    def get(self, handle: Entity) -> R:
        """What runs by that handle; `NotRunning` when it has ended or belongs to another process."""
        found = self._running.get(handle._uid)
        if found is None:
            raise self._runtime.not_running(handle, self.listed_by)
        return found

    def previous(self) -> R | None:
        """What an earlier execution of the running cell started in this place, if it still runs."""
        handle = self._runtime.cells.previous()
        return None if handle is None else self.find(handle)

    def forget(self, handle: Entity) -> None:
        """What ran by that handle has ended. May be repeated."""
        if self._running.pop(handle._uid, None) is not None:
            self._runtime.ended(handle._uid)
            self._runtime.cells.forget(handle)

    def handles(self) -> list[Any]:
        """The handles of all that run, in the order of their start."""
        return [running.handle for running in self._running.values()]

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._running.values()))

    def __len__(self) -> int:
        return len(self._running)
