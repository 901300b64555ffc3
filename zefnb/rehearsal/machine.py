"""The rehearsed actor: handles messages as an actor does, and keeps the results instead of performing the effects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.entity import Entity
from zefnb.core.function import ZefFunction
from zefnb.core.snapshot import snapshot
from zefnb.engine.behaviour import Behaviour
from zefnb.engine.context import CallContexts
from zefnb.engine.perform import is_awaitable
from zefnb.engine.state_machine import StateMachine
from zefnb.recording.outcome import Outcome
from zefnb.text.tracebacks import error_text

_LONGEST_ERROR = 1_000
# As `Outcome(...)`, in a third of the time.
_outcome: Callable[[tuple[Any, ...]], Outcome] = partial(tuple.__new__, Outcome)


class Stopped(BaseException):
    """The rehearsal has been stopped."""


class Awaiter:
    """Runs the coroutines of `async def` handlers on the loop, where actors run them, and waits for each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: Future[Any] | None = None
        self.is_stopped = False

    def result(self, awaitable: Awaitable[Any]) -> Any:
        """Return the result of `awaitable`. Raises `Stopped` after `stop`. Not on the loop."""
        self._running = running = asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop)
        if self.is_stopped:
            running.cancel()
        try:
            return running.result()
        except CancelledError:
            if self.is_stopped:
                raise Stopped from None
            raise RuntimeError("the handler was cancelled") from None
        finally:
            self._running = None

    def stop(self) -> None:
        """Cancel the running coroutine, and start no more. From any thread."""
        self.is_stopped = True
        running = self._running
        if running is not None:
            running.cancel()


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


class RehearsedActor(StateMachine):
    """An actor whose effects are not performed. It is used in one thread."""

    __slots__ = ("_result", "contexts", "server")

    def __init__(
        self, behaviour: Behaviour, state: Any, handle: Entity, result: Callable[[Awaitable[Any]], Any]
    ) -> None:
        super().__init__(behaviour, state, handle)
        self.server: Entity | None = None
        self._result = result
        self.contexts = CallContexts(self)

    @property
    def handler(self) -> ZefFunction | None:
        """The handler of the last message, or `None` if no rule matched."""
        return self._handler

    def handle_message(self, message: Any) -> Outcome:
        """Return what the handler returns for a copy of `message`, and set the next state."""
        copy = message if type(message) in PLAIN else snapshot(message)
        return self.contexts.fresh().run(self._handle, copy)

    def repeat(self, message: Any, state: Any) -> Outcome:
        """Return what the handler returns in `state`. The actor's own state stays."""
        after, self.state = self.state, state
        try:
            return self.handle_message(message)
        finally:
            self.state = after

    def _handle(self, message: Any) -> Outcome:
        self._handler = None
        try:
            handler, message, state = self._find(message)
            if handler is None:
                return _outcome(((), self.state, None))
            result = self._call(handler, message, state)
            if type(result) is not list and is_awaitable(result):
                result = self._result(result)
            effects = self._advance(result)
        except Stopped:
            raise
        except BaseException as error:  # as an actor does
            return Outcome((), self.state, described(error))
        return _outcome((tuple(effects), self.state, None))


def described(error: BaseException) -> str:
    """Return the type and the text of an exception, as a recording has them."""
    return f"{type(error).__name__}: {error_text(error)}"[:_LONGEST_ERROR]
