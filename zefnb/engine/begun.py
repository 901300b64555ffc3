"""Effects that have begun and are not complete, where the next effects of a list need not wait for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.execution import Identity
from zefnb.engine.cells import current_identity
from zefnb.errors import naming

Begin = Callable[[Effect], Any]
# Awaits the result of an effect that has begun.
Complete = Callable[[Effect, Awaitable[Any]], Awaitable[Any]]


class Begun(ABC):
    """An effect that has begun. To await it is to wait until it is complete."""

    @abstractmethod
    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the result."""

    @abstractmethod
    def call_when_complete(self, call: Callable[[Any, Exception | None], None]) -> None:
        """Call `call` with the result, or with the error, as soon as it is complete: a caller needs no task for it."""

    @abstractmethod
    def begin_next(self, effect: Effect) -> Begun | None:
        """Begin the next effect of a list, if both are done in order without waiting in between; otherwise `None`."""

    @abstractmethod
    def close(self) -> None:
        """The caller does not wait any more, and is not called."""


class BegunList:
    """A list of effects of which the first has begun. Those that need not wait for it begin at once, too."""

    def __init__(
        self,
        begin: Begin,
        complete: Complete,
        effect: Effect,
        result: Awaitable[Any],
        following: Sequence[tuple[Effect, Identity | None]],
        values: list[Any],
    ) -> None:
        self._begin = begin
        self._complete = complete
        self._pending: deque[tuple[Effect, Awaitable[Any]]] = deque([(effect, result)])
        self._following = deque(following)
        self._values = values
        self._error: Exception | None = None
        self._begin_following()

    def _begin_following(self) -> None:
        while self._following and isinstance(last := self._pending[-1][1], Begun):
            effect = self._following[0][0]
            try:
                begun = last.begin_next(effect)
            except Exception as error:
                self._error = naming(error, repr(type(effect)))
                return
            if begun is None:
                return
            self._following.popleft()
            self._pending.append((effect, begun))

    async def complete(self) -> None:
        """Perform all effects in order, up to the first that fails, and append the results to the values."""
        try:
            await self._complete_pending()
            while self._following:
                effect, identity = self._following.popleft()
                current_identity.set(identity)
                result = self._begin(effect)
                if hasattr(type(result), "__await__"):
                    self._pending.append((effect, result))
                    self._begin_following()
                    await self._complete_pending()
                else:
                    self._values.append(result)
        finally:
            self.close()

    async def _complete_pending(self) -> None:
        while self._pending:
            effect, result = self._pending[0]
            self._values.append(await self._complete(effect, result))
            self._pending.popleft()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """The caller does not wait for the rest."""
        for _, result in self._pending:
            if isinstance(result, Begun):
                result.close()
        self._pending.clear()
