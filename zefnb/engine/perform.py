"""Performing effects, by `run` and by `await`."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from threading import get_ident
from types import GeneratorType
from typing import Any, TypeGuard

from zefnb.core.effect import Effect, EffectType, Spec
from zefnb.core.entity import Success
from zefnb.core.execution import Identity, next_identity
from zefnb.engine.cells import current_identity, current_notices
from zefnb.engine.handler_threads import in_handler_thread
from zefnb.engine.monitors import call_monitors, monitored_later
from zefnb.engine.printing import Printed
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.engine.waker import thread_waker
from zefnb.engine.worker_thread import refuse_to_wait
from zefnb.errors import FieldError, Interrupted, InvalidEffect, WouldBlock, naming, shown

SUCCESS: Success = Success()

_PAUSE_POLL = 0.01


class NotAccepted(Exception):
    """Raised by `accept`: this effect has to be performed on the loop."""


def is_awaitable(result: Any) -> TypeGuard[Awaitable[Any]]:
    """Return the same as `inspect.isawaitable`, in a tenth of the time."""
    return hasattr(type(result), "__await__") or (type(result) is GeneratorType and inspect.isawaitable(result))


def perform(runtime: Runtime, effect: Effect) -> Any:
    """Perform one effect, on the loop. An effect that takes time returns an awaitable."""
    cls = type(effect)
    # As `_checked` does, without the calls, for an effect that has all of its fields.
    spec = runtime.registry.specs.get(cls.__name__) if type(cls) is EffectType else None
    if spec is None or effect.__dict__.keys() != spec.kinds.keys():
        spec = _checked(runtime, effect)
    try:
        return _monitored(runtime, spec, effect) if runtime.monitors else spec.function(runtime, **effect.__dict__)
    except Exception as error:
        naming(error, repr(type(effect)))
        raise


def _monitored(runtime: Runtime, spec: Spec, effect: Effect) -> Any:
    try:
        result = spec.function(runtime, **effect.__dict__)
    except Exception as error:
        call_monitors(runtime, effect, error)
        raise
    if is_awaitable(result):
        return monitored_later(runtime, effect, result)
    call_monitors(runtime, effect, result)
    return result


def _checked(runtime: Runtime, effect: Any) -> Spec:
    """Return the spec of `effect`. Raises `InvalidEffect` if it is not an effect or is incomplete."""
    # The type of its type is compared, since `isinstance` calls the metaclass: 0.12 us instead of 0.03.
    if type(type(effect)) is not EffectType:
        hint = "Give `run` an effect or a list of effects"
        raise InvalidEffect("run", [FieldError("", f"got {shown(effect)}", "FX.Something(...)", hint)])
    name = type(effect).__name__
    spec = runtime.registry.specs.get(name) or runtime.registry.spec(name)
    # The first test is quicker, and most effects have all of their fields.
    if effect.__dict__.keys() != spec.kinds.keys() and (faults := spec.missing(effect.__dict__)):
        raise naming(InvalidEffect(repr(type(effect)), faults), repr(type(effect)))
    return spec


class Submission:
    """Effects that the loop performs for a caller in another thread or loop."""

    __slots__ = (
        "_begun",
        "_context",
        "_effects",
        "_on_done",
        "_runtime",
        "_task",
        "cancelled",
        "done",
        "error",
        "notices",
        "value",
    )

    def __init__(
        self,
        runtime: Runtime,
        effects: Sequence[Effect],
        identities: Sequence[Identity | None],
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        self._runtime = runtime
        self._effects = tuple(zip(effects, identities, strict=True))
        self._context = contextvars.copy_context()
        # For effects that take time: the running task, or the one effect that needs no task.
        self._task: asyncio.Task[Any] | None = None
        self._begun: Any = None
        self.notices: list[Any] = []
        self.value: list[Any] = []
        self.error: BaseException | None = None
        self.cancelled = False
        self.done = False
        self._on_done = on_done

    def start(self) -> None:
        """Perform the effects in order, on the loop, up to the first that fails."""
        self._context.run(self._start)

    @property
    def effect_name(self) -> str:
        """The name of the effect that is performed now, or of the one that failed; empty without effects."""
        remaining = self._effects[len(self.value) :] or self._effects[-1:]
        return repr(type(remaining[0][0])) if remaining else ""

    def _start(self) -> None:
        current_notices.set(self.notices)
        for number, (effect, identity) in enumerate(self._effects):
            if self.cancelled:
                return self._finish(asyncio.CancelledError())
            if identity is not None:
                current_identity.set(identity)
            try:
                result = perform(self._runtime, effect)
            except BaseException as error:
                return self._finish(error)
            if is_awaitable(result):
                return self._continue(effect, result, number + 1)
            self.value.append(result)
        return self._finish(None)

    def _continue(self, effect: Effect, result: Awaitable[Any], following: int) -> None:
        rest: Any = None
        if following == len(self._effects):
            if hasattr(result, "call_when_complete"):
                self._begun = result
                result.call_when_complete(self._completed)
                return
        else:
            from zefnb.engine.begun import BegunList  # which most programs never need

            begin = partial(perform, self._runtime)
            rest = BegunList(begin, result_of, effect, result, self._effects[following:], self.value)
        self._task = task = self._runtime.loop.create_task(
            self._await_rest(effect, result, rest), name=repr(type(effect)), context=self._context
        )

        def ended(task: asyncio.Task[Any]) -> None:
            # Not awaited if the task was cancelled before its first step.
            for begun in (result, rest):
                if hasattr(begun, "close"):
                    begun.close()
            if self._task is not None:
                self._finish(asyncio.CancelledError())

        task.add_done_callback(ended)

    def _completed(self, value: Any, error: Exception | None) -> None:
        if error is None:
            self.value.append(value)
        else:
            naming(error, self.effect_name)
        self._finish(error)

    async def _await_rest(self, effect: Effect, result: Awaitable[Any], rest: Any) -> None:
        try:
            if rest is None:
                self.value.append(await result_of(effect, result))
            else:
                await rest.complete()
        except BaseException as error:
            self._finish(error)
        else:
            self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        self.error = error
        self._task = self._begun = None
        self.done = True
        self._on_done()

    def result(self) -> list[Any]:
        """Print the notices and return the results, or raise the first exception. In the caller's thread."""
        for notice in self.notices:
            if isinstance(notice, str):
                print(notice)
            else:
                notice.show()
        if isinstance(self.error, asyncio.CancelledError):
            # A `CancelledError` would mean that the caller's own task was cancelled.
            text = "it was cancelled, or the runtime ended, before it was complete"
            raise naming(Interrupted(text), self.effect_name)
        if self.error is not None:
            raise self.error
        return self.value

    def cancel(self) -> None:
        """Cancel the effects that are not complete. From any thread."""
        self.cancelled = True
        with contextlib.suppress(Interrupted):  # the runtime has been closed, which has ended them
            self._runtime.call_queue.put(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif self._begun is not None:
            self._begun.close()
            self._finish(asyncio.CancelledError())


async def performed(runtime: Runtime, effect: Effect) -> Any:
    """Perform one effect on the loop and await it if it takes time."""
    result = perform(runtime, effect)
    return await result_of(effect, result) if is_awaitable(result) else result


async def _performed_for_caller(runtime: Runtime, effect: Effect) -> Any:
    """Perform one effect for a coroutine on the loop that waits for its result."""
    token = current_notices.set([])  # not `None`, since a caller waits
    try:
        result = perform(runtime, effect)
    finally:
        current_notices.reset(token)
    return await result_of(effect, result) if is_awaitable(result) else result


async def result_of(effect: Effect, result: Awaitable[Any]) -> Any:
    """Await the result of an effect, and add the effect's name to an exception."""
    try:
        return await result
    except Exception as error:
        naming(error, repr(type(effect)))
        raise


_check: Callable[[Any], None] | None = None


def set_check(check: Callable[[Any], None] | None) -> None:
    """Call `check` with each value before `run` or `await` performs it. It may raise; `None` removes it."""
    global _check
    _check = check


def run_here(given: Any) -> Any:
    """Perform effects on the process's runtime; see `run`."""
    if _check is not None:
        _check(given)
    return run_on(default_runtime(), given)


def run_on(runtime: Runtime, given: Any) -> Any:
    """Perform an effect, or a list of them in order, from any thread; see `run`."""
    if isinstance(given, _LISTS):
        return _run_all(runtime, given, [_checked(runtime, effect) for effect in given])
    spec = _checked(runtime, given)
    if spec.accept is None or get_ident() == runtime.thread.ident:
        return _run_all(runtime, (given,), [spec])[0]
    monitors = runtime.monitors
    if monitors and _are_for_the_loop(monitors):
        return _run_all(runtime, (given,), [spec])[0]
    queue = runtime.call_queue
    if queue.may_be_paused and queue.is_paused and not in_handler_thread():
        queue.wait_for_capacity()
    try:  # as `_accepted` does, without the call
        result = spec.accept(runtime, given)
    except NotAccepted:
        result = NotAccepted
    except Exception as error:
        naming(error, repr(type(given)))
        raise
    if result is NotAccepted:  # not in the `except` clause, where errors and Ctrl-C would get a context
        return _run_all(runtime, (given,), [spec])[0]
    if monitors:
        call_monitors(runtime, given, None)
    return result


def _are_for_the_loop(monitors: Sequence[Callable[[Any, Any], None]]) -> bool:
    """Whether one of the monitors must be called on the loop, so that no effect is accepted in the caller's thread."""
    return not all(getattr(monitor, "any_thread", False) for monitor in monitors)


def _accepted(runtime: Runtime, spec: Spec, effect: Effect) -> Any:
    """Accept an effect in the caller's thread, without a round trip to the loop."""
    assert spec.accept is not None
    try:
        return spec.accept(runtime, effect)
    except NotAccepted:
        raise
    except Exception as error:
        naming(error, repr(type(effect)))
        raise


_LISTS = (list, tuple)


def _run_all(runtime: Runtime, effects: Sequence[Effect], specs: Sequence[Spec]) -> list[Any]:
    if runtime.thread.is_current:
        for effect, spec in zip(effects, specs, strict=True):
            if spec.is_async:
                raise _would_block(effect)
        return [_run_at_once(runtime, effect) for effect in effects]
    if runtime.call_queue.is_paused and not in_handler_thread() and any(spec.accept is not None for spec in specs):
        runtime.call_queue.wait_for_capacity()
    identities = [next_identity(spec.keyed) if spec.keyed else None for spec in specs]
    submission = Submission(runtime, effects, identities, thread_waker().wake)
    try:
        refuse_to_wait()
        runtime.call_queue.put(submission.start)
        runtime.wait(lambda: submission.done)
    except BaseException as error:
        if isinstance(error, Interrupted | WouldBlock):
            naming(error, submission.effect_name)
        submission.cancel()
        raise
    return submission.result()


def _run_at_once(runtime: Runtime, effect: Effect) -> Any:
    result = perform(runtime, effect)
    if isinstance(result, Printed):
        return result.value  # the line is printed after the lines before it
    if is_awaitable(result):
        if isinstance(result, Coroutine):
            result.close()
        raise _would_block(effect)
    return result


def _would_block(effect: Effect) -> WouldBlock:
    advice = "return it as an effect, or await it"
    text = f"it takes time, and waiting for it here would block the loop: {advice}"
    return naming(WouldBlock(text), repr(type(effect)))


def await_on(runtime: Runtime, effect: Effect) -> Coroutine[Any, Any, Any]:
    """Perform `effect` from inside a running loop, the runtime's or another one, without blocking it."""
    if runtime.thread.is_current:
        return _performed_for_caller(runtime, effect)
    return _performed_elsewhere(runtime, effect)


async def _performed_elsewhere(runtime: Runtime, effect: Effect) -> Any:
    """Perform one effect for a coroutine on another loop."""
    spec = _checked(runtime, effect)
    while spec.accept is not None and runtime.call_queue.is_paused and not runtime.loop.is_closed():
        await asyncio.sleep(_PAUSE_POLL)
    monitors = runtime.monitors
    may_accept = spec.accept is not None and not spec.accept_waits
    if may_accept and not (monitors and _are_for_the_loop(monitors)):
        with contextlib.suppress(NotAccepted):
            result = _accepted(runtime, spec, effect)
            if monitors:
                call_monitors(runtime, effect, None)
            return result
    loop = asyncio.get_running_loop()
    finished_future: asyncio.Future[Any] = loop.create_future()
    identity = next_identity(spec.keyed) if spec.keyed else None

    def finished() -> None:
        # The caller's loop may have been closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if finished_future.done() else finished_future.set_result(None))

    submission = Submission(runtime, (effect,), (identity,), finished)
    try:
        runtime.call_queue.put(submission.start)
    except Interrupted as error:
        raise naming(error, submission.effect_name) from None
    try:
        await finished_future
    except asyncio.CancelledError:
        submission.cancel()
        raise
    return submission.result()[0]


def await_effect(effect: Effect) -> Awaitable[Any]:
    """Perform `effect` on the process's runtime; `await FX.X(...)` calls it."""
    if _check is not None:
        _check(effect)
    return await_on(default_runtime(), effect)
