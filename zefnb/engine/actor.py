"""Actors: each handles one message at a time, and maps a message and a state to effects and the next state."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

from zefnb.core.copy_rules import PLAIN
from zefnb.core.effect import Effect
from zefnb.core.entity import Entity
from zefnb.core.function import ZefFunction
from zefnb.engine.actor_notes import REPORTED, ActorNotes
from zefnb.engine.behaviour import Behaviour, handler_name
from zefnb.engine.context import CallContexts
from zefnb.engine.effect_list import perform_each
from zefnb.engine.loop import ITERATION_BUDGET
from zefnb.engine.mailbox import Mailbox, Progress
from zefnb.engine.perform import is_awaitable
from zefnb.engine.runtime import Runtime
from zefnb.engine.state_machine import StateMachine

_MAX_MESSAGES_PER_ITERATION = 64
_INLINE_LIMIT = 0.050


class Actor(StateMachine):
    """A mailbox, a state and a behaviour. Every method is called on the loop.

    Plain functions run in a handler thread, `async def` handlers as tasks, and inline handlers and library ops directly
    on the loop. If a handler raises or returns a wrong type, the state stays as it was: a handler receives a copy of a
    mutable state, and only the actor holds `state` itself.
    """

    __slots__ = (
        "_awaited",
        "_busy",
        "_failed_effects",
        "_is_closing",
        "_notes",
        "_owned",
        "_runtime",
        "_task",
        "contexts",
        "ended",
        "faults",
        "handled",
        "has_published",
        "logs",
        "mailbox",
        "on_end",
        "server",
        "taken",
        "unmatched",
    )

    def __init__(
        self, runtime: Runtime, behaviour: Behaviour, state: Any, handle: Entity, server: Entity | None = None
    ) -> None:
        super().__init__(behaviour, state, handle)
        self.server = server
        self.mailbox = Mailbox()
        self.contexts = CallContexts(self)
        self.taken = self.handled = self.faults = self.unmatched = 0
        self.ended = False
        self.logs = False
        # Whether the handler has published by `run` or `await`, since its call began.
        self.has_published = False
        self.on_end: Callable[[], None] | None = None
        self._runtime = runtime
        self._owned: dict[Any, Callable[[], None]] | None = None
        self._busy = False
        # Whether it accepts no more messages, since it ends or has ended.
        self._is_closing = False
        # The task of an async handler, and what it awaits.
        self._task: asyncio.Task[Any] | None = None
        # The errors of the effects of the current message.
        self._failed_effects: tuple[tuple[Effect, BaseException], ...] = ()
        self._awaited: Awaitable[Any] | None = None
        self._notes = ActorNotes(runtime.journal, handle, server)

    def deliver(self, message: Any, size: int | None = None) -> None:
        """Put a message, perhaps with a size of its own, into the mailbox; it is handled after all earlier messages."""
        if self._is_closing:
            return
        cause = self._runtime.cause
        if cause is not None and not self._may_take(cause):
            return
        mailbox = self.mailbox
        if self._busy or mailbox.messages:
            mailbox.put(message, cause, size)
            return
        # The actor is idle, so the message bypasses the mailbox: 1.7 us a call, not 2.2.
        self._busy = True
        mailbox.cause = cause
        if not self._take(message):
            mailbox.begin(message, size)
            return
        if mailbox.messages or self._is_closing:
            self._work()
        else:
            self._busy = False

    def _may_take(self, cause: Any) -> bool:
        """Whether to handle a message with this cause. Called only for messages that a subscription caused."""
        return True

    @property
    def cause(self) -> Any:
        """The cause of messages published while handling the current one, or `None` if no subscription caused it."""
        return self.mailbox.cause

    def deliver_last(self, message: Any) -> None:
        """Put the last message into the mailbox; the actor ends after it."""
        if self._is_closing:
            return
        self.mailbox.put(message, self._runtime.cause)
        self.finish()

    def finish(self) -> None:
        """Accept no more messages, and end after those in the mailbox."""
        if self._is_closing:
            return
        self._is_closing = True
        if not self._busy:
            self._work()

    def end(self) -> None:
        """Stop: drop the waiting messages, and release everything that this actor started.

        A handler that runs in a thread is not interrupted, and its result is dropped.
        """
        if self.ended:
            return
        self.ended = self._is_closing = True
        self.mailbox.clear()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            if isinstance(self._awaited, Coroutine):
                # A task that is cancelled before its first step awaits nothing.
                close = self._awaited.close
                self._task.add_done_callback(lambda task: close())
        # Detached first: an object that ends calls `disown`, which would change the dict during the loop.
        owned, self._owned = self._owned or {}, None
        for key, release in owned.items():
            try:
                release()
            except Exception as error:
                self._notes.ending_failed(key, error)
        if self.on_end is not None:
            self.on_end()

    def own(self, key: Any, release: Callable[[], None]) -> None:
        """Call `release` when the actor ends."""
        if self.ended:
            release()
            return
        if self._owned is None:
            self._owned = {}
        self._owned[key] = release

    def disown(self, key: Any) -> None:
        """Forget the owned object `key`, which has ended already."""
        if self._owned:
            self._owned.pop(key, None)

    @property
    def progress(self) -> Progress:
        """The numbers of handled and received messages."""
        return Progress(self.taken - self._busy, self.taken + len(self.mailbox))

    @property
    def is_behind(self) -> bool:
        """Whether it has received messages that it has not handled: a quicker check than with `progress`."""
        return self._busy or bool(self.mailbox.messages)

    def _work(self) -> None:
        """Handle the waiting messages, a bounded number in one loop iteration."""
        self._busy = True
        deadline = monotonic() + ITERATION_BUDGET
        for number in range(_MAX_MESSAGES_PER_ITERATION):
            if not self.mailbox.messages or self.ended or (number and monotonic() > deadline):
                break
            message = self.mailbox.take()
            if not self._take(message):
                self.mailbox.begin_taken()
                return  # not complete; `_resume` continues
            self.mailbox.ends()
        if self.mailbox.messages and not self.ended:
            self._runtime.loop.call_soon(self._work)
            return
        self._busy = False
        if self._is_closing:
            self.end()

    def _resume(self) -> None:
        self._handler = self._message = None
        mailbox = self.mailbox
        mailbox.handling = 0  # as `ends` does, without the call
        if mailbox.on_handled is not None:
            mailbox.on_handled()
        if mailbox.messages or self._is_closing:
            self._work()
        else:
            self._busy = False

    def _take(self, message: Any) -> bool:
        """Handle one message. Returns false if its handler runs in a thread or as a task."""
        self.taken += 1
        self._handler = None
        if self.logs:
            if type(message) not in PLAIN:  # its text may take time
                return self._begin_after(self._notes.takes, message, self._begin, message)
            self._notes.takes(message)
        # As `_begin` does, without the call.
        if self.behaviour.inline and not (self.behaviour.has_async or self._copies.is_large):
            return self.contexts.fresh().run(self._take_here, message)
        return self._begin(message)

    def _begin(self, message: Any) -> bool:
        if not self.behaviour.inline:
            return self._submit(self._find_and_call, message)
        run = self.contexts.fresh().run
        if (self.behaviour.has_async or self._copies.is_large) and self._copies.takes_time(self.state):
            # If the copy fails, it is made again, and the error is raised, where the handler gets it.
            return self._begin_after(self._copies.prepare, self.state, run, self._take_here, message)
        return run(self._take_here, message)

    def _begin_after(self, call: Callable[[Any], object], value: Any, begin: Callable[..., bool], *args: Any) -> bool:
        """Make `call(value)`, which may take time, in a handler thread, and then `begin(*args)`. Returns false."""

        def called(*_: Any) -> None:
            if not self.ended and begin(*args):
                self._resume()

        self._runtime.handler_threads.submit(called, call, value)
        return False

    def _take_here(self, message: Any) -> bool:
        """Find the handler of a message. If it is inline, call it and perform its effects."""
        try:
            handler, message, state = self._find(message)
            if handler is None:
                return self._no_rule_matched()
            if handler.is_async:
                return self._call_async(handler, message, state)
            if not handler.inline:
                return self._submit(self._call_in_thread, handler, message, state)
            started = monotonic()
            result = self._call(handler, message, state) if handler.wants_context else handler.call(message, state)
            if (duration := monotonic() - started) > _INLINE_LIMIT:
                self._notes.handler_blocked(handler_name(handler), duration)
            effects, state = self.behaviour.read(result, self.state)  # as `_advance` does, without the call
            if type(state) not in PLAIN and state is not self._copies.unchanging:
                if self._copies.is_large and self._copies.takes_time(state):
                    return self._submit(self._copies.prepare_result, result)
                self._copies.prepare(state)
            self.state = state
            self.handled += 1
            return self._perform(effects) if effects else True
        except BaseException as error:
            return self._failed(error)

    def _submit(self, call: Callable[..., Any], *args: Any) -> bool:
        """Call a method in a handler thread, with a context of its own, then `_on_result`. Returns false."""
        self.has_published = False
        self._runtime.handler_threads.submit(self._on_result, self.contexts.fresh().run, self._in_thread, call, *args)
        return False

    def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except BaseException as error:
            # Its text is made here, since its `__str__` may take time. After the runtime's end no entry is wanted.
            return self._report(error) if self._runtime.is_alive else REPORTED

    def _find_and_call(self, message: Any) -> Any:
        """In a handler thread: transform the message, find its handler and call it; all three are user code."""
        handler, message, state = self._find(message)
        return _NO_HANDLER if handler is None else self._call_in_thread(handler, message, state)

    def _call_in_thread(self, handler: ZefFunction, message: Any, state: Any) -> Any:
        """Call a handler, and copy its next state here and not on the loop, since that may take time."""
        result = self._call(handler, message, state) if handler.wants_context else handler.call(message, state)
        if isinstance(result, _LISTS) and len(result) == 2:
            state = result[1]
            if type(state) not in PLAIN and state is not self._copies.unchanging:
                self._copies.prepare(state)
        return result

    def _call_async(self, handler: ZefFunction, message: Any, state: Any) -> bool:
        try:
            result = self._call(handler, message, state)
        except BaseException as error:
            return self._failed(error)
        if not is_awaitable(result):  # meanwhile redefined as a plain function
            return self._settle(result)
        self._spawn(result)
        return False

    def _on_result(self, result: Any, error: BaseException | None) -> None:
        """On the loop: process the result of a handler thread."""
        if error is not None:  # of the report
            result = self._report(error)
        if self.ended:
            if inspect.iscoroutine(result):
                result.close()
            return
        if result is _NO_HANDLER:
            self._no_rule_matched()
        elif type(result) is not list and is_awaitable(result):
            self.contexts.fresh().run(self._spawn, result)
            return
        elif result is not REPORTED and not self.contexts.fresh().run(self._settle, result):
            return
        self._resume()

    def _spawn(self, result: Awaitable[Any]) -> None:
        self._awaited = result
        self._task = self._runtime.spawn(self._await(result), f"handler {handler_name(self._handler)}")

    async def _await(self, awaitable: Awaitable[Any]) -> None:
        try:
            result = await awaitable
        except asyncio.CancelledError:
            if self.ended or not self._runtime.is_alive:
                raise
            self._failed(RuntimeError("the handler was cancelled"))
            self._task = self._awaited = None
            self._resume()
            return
        except BaseException as error:
            self._task = self._awaited = None
            self._submit(self._report, error)
            return
        if self.ended:
            return
        if isinstance(result, _LISTS) and len(result) == 2 and self._copies.takes_time(result[1]):
            self._task = self._awaited = None
            self._submit(self._copies.prepare_result, result)
        elif self._settle(result):
            self._task = self._awaited = None
            self._resume()

    def _settle(self, result: Any) -> bool:
        """Set the next state, then perform the effects. Returns false if something has yet to complete."""
        try:
            effects, state = self.behaviour.read(result, self.state)  # as `_advance` does, without the call
            if type(state) not in PLAIN and state is not self._copies.unchanging:
                self._copies.prepare(state)
            self.state = state
            self.handled += 1
            return self._perform(effects) if effects else True
        except BaseException as error:
            self._copies.discard()
            return self._submit(self._report, error)

    def _perform(self, effects: Sequence[Effect]) -> bool:
        rest = perform_each(self._runtime, effects, self._effect_failed)
        if rest is None:
            return not self._failed_effects or self._report_effects()
        self._runtime.spawn(self._resume_after(rest), f"effects of {handler_name(self._handler)}")
        return False

    async def _resume_after(self, rest: Awaitable[None]) -> None:
        await rest
        if not self._failed_effects or self._report_effects():
            self._resume()

    def _report(self, error: BaseException) -> object:
        """Write the error of a handler to the journal, in any thread: nothing else of the actor runs meanwhile."""
        self.faults += 1
        self._notes.handler_failed(handler_name(self._handler), error, self._message)
        return REPORTED

    def _failed(self, error: BaseException) -> bool:
        self._report(error)
        return True

    def _effect_failed(self, effect: Effect, error: BaseException) -> None:
        self.faults += 1
        self._failed_effects += ((effect, error),)

    def _report_effects(self) -> bool:
        """Write the errors of effects in a handler thread, since their texts may take time. Returns false."""
        failed, self._failed_effects = self._failed_effects, ()
        return self._submit(self._notes.effects_failed, handler_name(self._handler), failed)

    def _no_rule_matched(self) -> bool:
        self.unmatched += 1
        self._notes.no_rule_matched(self.behaviour, type(self._message), type(self.state))
        return True


_NO_HANDLER = object()
_LISTS = (list, tuple)
