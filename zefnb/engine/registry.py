"""Registries: the running objects of one kind, by the uids of their handles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from zefnb.core.entity import Entity
from zefnb.engine.runtime import Runtime


class Running(Protocol):
    """An object that runs until it ends, identified by its handle."""

    @property
    def handle(self) -> Entity:
        """The value that represents the object in user code."""


R = TypeVar("R", bound=Running)


class Registry(Generic[R]):
    """The running actors, servers, clients, timers or subscriptions: a service of the runtime, used on the loop."""

    # The effect that lists the handles, for error texts.
    listed_by: ClassVar[str] = ""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._running: dict[str | None, R] = {}

    def add(self, started: R) -> None:
        """Register `started`."""
        self._running[started.handle._uid] = started

    def find(self, handle: Entity) -> R | None:
        """Return the running object of that handle, or `None`."""
        return self._running.get(handle._uid)

    def get(self, handle: Entity) -> R:
        """Return the running object of that handle. Raises `NotRunning` if it has ended or is of another process."""
        found = self._running.get(handle._uid)
        if found is None:
            raise self._runtime.not_running(handle, self.listed_by)
        return found

    def previous(self) -> R | None:
        """Return the object that an earlier execution of the running cell started in this place, if it still runs."""
        handle = self._runtime.cells.previous()
        return None if handle is None else self.find(handle)

    def forget(self, handle: Entity) -> None:
        """Remove the object of that handle, which has ended. May be repeated."""
        if self._running.pop(handle._uid, None) is not None:
            self._runtime.ended(handle._uid)
            self._runtime.cells.forget(handle)

    def handles(self) -> list[Any]:
        """Return the handles of all running objects, in the order of their start."""
        return [running.handle for running in self._running.values()]

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._running.values()))

    def __len__(self) -> int:
        return len(self._running)
