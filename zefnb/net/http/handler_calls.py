"""Calls of handlers: in a thread or on the loop; their effects are performed, and their responses made, here."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import AsyncIterable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from zefnb.core.effect import Effect
from zefnb.core.entity import Entity
from zefnb.core.function import ZefFunction, name_of
from zefnb.engine.behaviour import read_result
from zefnb.engine.effect_list import perform_each, subject_of
from zefnb.engine.runtime import Runtime
from zefnb.net.budget import Share
from zefnb.net.http.exchange import Exchange
from zefnb.net.http.failures import FAILED, Failures, is_failure
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.pieces import AsyncPieces, Pieces, PlainPieces
from zefnb.net.http.response import Disconnected, Refusal, Response
from zefnb.net.http.responses import response_of
from zefnb.net.http.streamed_response import StreamedResponse
from zefnb.net.http.thread_share import ThreadShare

# Bytes: a response is sent in pieces, each when the peer has taken those before.
PIECE = 65_536
_LISTS = (list, tuple)
# Adds an error of a handler to the journal.
_Report = Callable[[BaseException], None]


class _Result(NamedTuple):
    """The result of a handler: effects, which are performed before the response is sent, and the response."""

    effects: Sequence[Effect]
    response: Response


class HandlerCalls:
    """Calls the handlers of one server."""

    def __init__(self, runtime: Runtime, server: Entity, failures: Failures) -> None:
        self._runtime = runtime
        self._server = server
        self._failures = failures
        self._threads = runtime.service(ThreadShare)
        # The length of each handler's last response, if it was long.
        self._expected: dict[ZefFunction, int] = {}

    def forget_lengths(self) -> None:
        """Forget the lengths of responses: the routes have changed."""
        self._expected = {}

    async def response(self, handler: ZefFunction, name: str, entity: Entity, exchange: Exchange) -> Response:
        """Call a handler, and perform its effects. Returns its response; the journal has errors under `name`.

        Raises `InvalidResponse`, `InvalidBody`, `Disconnected`, the handler's refusals, and `Refusal` (500) when it or
        one of its effects fails.
        """
        if exchange.peer.is_closed:
            raise Disconnected
        report = partial(self._failures.handler_failed, name, name_of(handler), exchange.path)
        try:
            result = await self._result(handler, entity, exchange, report)
            if result.effects:
                await self._perform(result.effects, handler, name, exchange.path)
            if isinstance(result.response, StreamedResponse):
                await self._begin(result.response, handler, exchange, report)
        except BaseException as error:  # SystemExit from a handler must not end the server
            if not is_failure(error):
                raise
            if handler.is_async or not handler.inline:
                await self._runtime.handler_threads.call(report, error)
            else:
                report(error)
            raise Refusal(*FAILED) from None
        return result.response

    async def _result(self, handler: ZefFunction, entity: Entity, exchange: Exchange, report: _Report) -> _Result:
        peer, share = exchange.peer, exchange.share
        if handler.is_async or handler.inline:
            self._reserve_expected(handler, share)
            returned = await handler(entity) if handler.is_async else handler(entity)
            return self._within_budget(handler, returned, share)
        call = partial(contextvars.copy_context().run, handler, entity)
        result = await self.in_thread(name_of(handler), peer, self._call_in_thread, handler, call, share, report)
        return result if isinstance(result, _Result) else self._within_budget(handler, await result, share)

    def _call_in_thread(self, handler: ZefFunction, call: Callable[[], Any], share: Share, report: _Report) -> Any:
        """Call a handler in a thread, and make its response or the text of its error there, too: both may take time."""
        self._reserve_expected(handler, share)
        try:
            result = call()
            return result if inspect.isawaitable(result) else self._within_budget(handler, result, share)
        except BaseException as error:
            if not is_failure(error):
                raise
            report(error)
            raise Refusal(*FAILED) from None

    async def in_thread(self, name: str, peer: GuardedHTTP, call: Callable[..., Any], *args: Any) -> Any:
        """Call `call(*args)` in a thread, under `name` in the journal. Raises `Disconnected` when the peer leaves."""

        def unless_closed() -> Any:
            if peer.is_closed:
                raise Disconnected
            return call(*args)

        unless_closed.__qualname__ = name  # the journal shows it

        def on_wait(slot: asyncio.Future[None]) -> None:
            peer.on_close = lambda: None if slot.done() else slot.set_exception(Disconnected())

        try:
            return await self._threads.call(name, on_wait, unless_closed)
        finally:
            peer.on_close = None

    # Responses

    def _reserve_expected(self, handler: ZefFunction, share: Share) -> None:
        """Reserve the size of the handler's last long response, before it makes another. Raises `Refusal`."""
        if not share.settle(self._expected.get(handler, 0)):
            raise _too_many_responses()

    def _within_budget(self, handler: ZefFunction, returned: Any, share: Share) -> _Result:
        """The effects and the response, if there is room for it. Raises `Refusal`, and errors for wrong values."""
        effects, value = read_result(returned, second="response") if _has_effects(returned) else ((), returned)
        response = response_of(value)
        size = len(response.body or b"")
        # A response longer than the limit is sent alone. Short ones do not count: the connections bound their number.
        size = min(size, share.limit) if size > PIECE else 0
        if size or handler in self._expected:
            self._expected[handler] = size
        if not share.settle(size):
            raise _too_many_responses()
        return _Result(effects, response)

    async def _begin(
        self, response: StreamedResponse, handler: ZefFunction, exchange: Exchange, report: _Report
    ) -> None:
        source, peer, threads = response.source, exchange.peer, self._runtime.handler_threads
        submit = partial(threads.submit, lambda result, error: None)
        pieces: Pieces
        if isinstance(source, AsyncIterable):
            pieces = AsyncPieces(aiter(source), peer, partial(submit, report))
        else:
            pieces = PlainPieces(source, partial(self.in_thread, name_of(handler), peer), submit, report)
        await response.begin(pieces, peer, exchange.share)

    async def report(self, name: str, handler: str | None, path: str, error: BaseException) -> None:
        """Add an error of a handler to the journal, in a thread."""
        await self._runtime.handler_threads.call(self._failures.handler_failed, name, handler, path, error)

    # Effects

    async def _perform(self, effects: Sequence[Effect], handler: ZefFunction, name: str, path: str) -> None:
        """Perform effects in order, each of them. Raises `Refusal` afterwards when one has failed."""
        failed: list[tuple[Effect, BaseException]] = []
        rest = perform_each(self._runtime, effects, lambda effect, error: failed.append((effect, error)))
        if rest is not None:
            # In a task of their own: when the server stops, which may be their own work, they are performed to the end.
            await asyncio.shield(self._runtime.spawn(rest, f"effects of {name}"))
        if failed:
            # In a thread, since the texts may take time.
            await self._runtime.handler_threads.call(self._report_effects, failed, name, name_of(handler), path)
            raise Refusal(*FAILED)

    def _report_effects(
        self, failed: Sequence[tuple[Effect, BaseException]], name: str, handler: str, path: str
    ) -> None:
        for effect, error in failed:
            self._failures.handler_failed(f"{subject_of(effect, error)} of {name}", handler, path, error)


def _has_effects(result: Any) -> bool:
    """Whether a handler returned `[effects, response]`, or wrong values in that form: any other list is JSON."""
    if not isinstance(result, _LISTS) or not result:
        return False
    first = result[0]
    if not isinstance(first, _LISTS):
        return isinstance(first, Effect)
    return (len(result) == 2 and not first) or any(isinstance(each, Effect) for each in first)


def _too_many_responses() -> Refusal:
    return Refusal(503, "too many responses wait to be read; try again later", {"retry-after": "1"})
