"""HTTP: from a request to its response."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from zefnb.core.entity import ET, Entity
from zefnb.core.function import ZefFunction, as_handler, name_of
from zefnb.core.record import fields_of
from zefnb.engine.cells import current_server
from zefnb.engine.context import begin_call
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidBody
from zefnb.net.access import Access
from zefnb.net.budget import Budget, Share
from zefnb.net.http.body import BODY_LIMIT, read_body
from zefnb.net.http.conditional import conditional
from zefnb.net.http.decision import ANONYMOUS, Accepted, OwnPage, Pending, Reply, Visitor, refuse
from zefnb.net.http.forms import BadForm, form_pairs, is_form
from zefnb.net.http.gate import Gate
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.request_entity import request_entity
from zefnb.net.http.request_head import RequestHead, head_of
from zefnb.net.http.response import Disconnected, Message, Receive, Refusal, Response, Scope, Send, as_refusal
from zefnb.net.http.responses import InvalidResponse, plain, response_of
from zefnb.net.http.routes import Route
from zefnb.net.http.thread_share import ThreadShare

# Bytes: a response is sent in pieces, each when the peer has taken those before.
_PIECE = 65_536
# Longer bodies are parsed in a thread: a megabyte of a form takes a tenth of a second, one of text a millisecond.
_FORM_READ_HERE = 2_048
_BODY_READ_HERE = 1 << 20
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_FAILED = (500, "Internal Server Error")


class _Exchange(NamedTuple):
    """A request, its connection, and the budget of its response."""

    scope: Scope
    head: RequestHead
    receive: Receive
    send: Send
    peer: GuardedHTTP
    share: Share

    @property
    def path(self) -> str:
        """The path, for the journal."""
        return str(self.scope["path"])


class _Match(NamedTuple):
    """The value that serves a request, with a body of at most `max_body` bytes."""

    head: RequestHead
    value: Any
    route: str
    variables: dict[str, Any]
    max_body: int | None
    visitor: Visitor

    @property
    def name(self) -> str:
        """The name for the journal. It has the path of the route: with that of the request, each would have a line."""
        if isinstance(self.value, OwnPage):
            return f"the page {self.route}"
        what = f"handler {name_of(self.value)} of" if isinstance(self.value, ZefFunction) else "the value of route"
        return f"{what} {self.route}"


class _RouteValue(NamedTuple):
    """The value of a route: a handler, a value or a response."""

    value: Any
    max_body: int | None
    access: Access


class HTTPApp:
    """The ASGI application of a server: from accepted requests to handlers and responses."""

    def __init__(
        self,
        runtime: Runtime,
        server: Entity,
        gate: Gate,
        on_refused: Callable[[Reply], None],
        log_access: Callable[[str, str, str, int | None, float], None],
        max_body: int | None,
    ) -> None:
        self._runtime = runtime
        self._server = server
        self._gate = gate
        self._on_refused = on_refused
        # Adds each request to the access log.
        self._log_access = log_access
        self._budget = runtime.service(Budget)
        self._threads = runtime.service(ThreadShare)
        # The length of each handler's last response, if it was long.
        self._expected: dict[ZefFunction, int] = {}
        self._max_body = BODY_LIMIT if max_body is None else max_body
        self._budget.make_room_for_body(max_body or 0)

    def prepared(self, routes: list[Route]) -> dict[str, dict[str, _RouteValue]]:
        """The values that serve requests from now on, by path and method."""
        by_path: dict[str, dict[str, _RouteValue]] = {}
        for route in routes:
            if route.socket is not None:
                continue
            value = _prepared(route.value)
            if callable(value) and not isinstance(value, Response):
                value = as_handler(value, "FX.StartHTTPServer", f"routes[{route.key!r}]")
            by_path.setdefault(route.path, {})[route.method] = _RouteValue(value, route.max_body, route.access)
            self._budget.make_room_for_body(route.max_body or 0)
        self._expected = {}
        return by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        head = self._gate.original(head_of(scope))
        began, status = time.monotonic(), None
        try:
            with Share(self._budget.responses) as share:
                status = await self._respond(_Exchange(scope, head, receive, send, scope["state"]["peer"], share))
        finally:
            self._log_access(head.client_ip, scope["method"], scope["path"], status, time.monotonic() - began)

    async def _respond(self, exchange: _Exchange) -> int | None:
        """Respond to a request. Returns the status that was sent; `None` when the peer left before."""
        match: _Match | None = None
        head, visitor = exchange.head, ANONYMOUS
        try:
            decision = await self._decide(head)
            if isinstance(decision, Reply):
                response = _reply_response(decision)
            else:
                match, visitor = _match_of(head, decision), decision.visitor
                response = conditional(await self._response(match, exchange), head)
        except Refusal as error:
            response = self._refusal_response(error, match, exchange)
        except Disconnected:
            return None
        except Exception as error:
            response = self._error_response(error, match, exchange)
        self._complete(response, head, visitor)
        return None if exchange.peer.is_closed else await self._send(response, match, exchange)

    def _complete(self, response: Response, head: RequestHead, visitor: Visitor) -> None:
        """Add the headers of the connection, the visitor and the gate."""
        if "connection" in head.headers and any(value.lower() == "close" for value in head.values("connection")):
            response.set_header("connection", "close")
        if visitor.headers:
            response.add_headers(visitor.headers)
        if head.prefix:
            _add_prefix(head.prefix, response)
        names = [name.decode("latin-1") for name, _ in response.raw_headers]
        if added := self._gate.headers_for(head, names):
            response.add_headers(added)
        if "x-content-type-options" not in names:
            response.raw_headers.append(_NO_SNIFF)

    async def _decide(self, head: RequestHead) -> Accepted | Reply:
        decision = self._gate.decide(head)
        if isinstance(decision, Pending):
            decision = await decision.wait()
        if isinstance(decision, Reply):
            self._on_refused(decision)
        return decision

    async def _response(self, match: _Match, exchange: _Exchange) -> Response:
        """The response: for the value of the route, or for the value that its handler returns."""
        handler = match.value
        if isinstance(handler, Response):
            return handler.copy()
        if not isinstance(handler, ZefFunction | OwnPage):
            return response_of(handler)
        current_server.set(self._server)  # in this task only: each request has its own
        begin_call()
        with Share(self._budget.bodies) as bodies:
            headers = exchange.head.headers
            announced = int(exchange.head.first("content-length") or 0)
            limit = self._max_body if match.max_body is None else match.max_body
            body = await read_body(exchange.receive, announced, limit, "expect" in headers, bodies)
            if isinstance(handler, OwnPage):
                return _reply_response(await handler.respond(match.head, body))
            try:
                entity = await self._entity(match, body, exchange.peer)
            except BadForm as error:
                self._on_refused(refuse(400, str(error)))
                raise Refusal(400, str(error)) from None
            del body
            try:
                return await self._call_handler(handler, entity, exchange.peer, exchange.share)
            except (InvalidResponse, Disconnected, asyncio.CancelledError):
                raise
            except InvalidBody as error:
                problem = error.faults[0].problem
                self._on_refused(refuse(400, problem))
                raise Refusal(400, problem) from None
            except BaseException as error:  # SystemExit from a handler must not end the server
                if (refusal := as_refusal(error)) is not None:
                    raise refusal from None
                path = exchange.path
                self._runtime.journal.exception(
                    match.name, error, example=path, handler=name_of(handler), server=self._server, path=path
                )
                raise Refusal(*_FAILED) from None

    async def _entity(self, match: _Match, body: bytes, peer: GuardedHTTP) -> Entity:
        """The message for a handler, made in a thread when that takes long. Raises `BadForm`."""
        kind = match.head.first("content-type")
        has_form = is_form(kind)

        def make() -> Entity:
            form = form_pairs(kind, body) if has_form else []
            return request_entity(match.head, body, form, match.variables, match.visitor)

        if len(body) <= (_FORM_READ_HERE if has_form else _BODY_READ_HERE):
            return make()
        entity: Entity = await self._in_thread("reading of bodies", peer, make)
        return entity

    async def _call_handler(self, handler: ZefFunction, entity: Entity, peer: GuardedHTTP, share: Share) -> Response:
        if peer.is_closed:
            raise Disconnected
        if handler.is_async or handler.inline:
            self._reserve_expected(handler, share)
            result = await handler(entity) if handler.is_async else handler(entity)
            return self._within_budget(handler, result, share)
        call = partial(contextvars.copy_context().run, handler, entity)
        result = await self._in_thread(name_of(handler), peer, self._call_in_thread, handler, call, share)
        return result if isinstance(result, Response) else self._within_budget(handler, await result, share)

    def _reserve_expected(self, handler: ZefFunction, share: Share) -> None:
        """Reserve the size of the handler's last long response, before it makes another. Raises `Refusal`."""
        if not share.settle(self._expected.get(handler, 0)):
            raise _too_many_responses()

    def _within_budget(self, handler: ZefFunction, value: Any, share: Share) -> Response:
        """The response for a value, if there is room for it. Raises `Refusal` and `InvalidResponse`."""
        response = response_of(value)
        size = len(response.body or b"")
        # A response longer than the limit is sent alone. Short ones do not count: the connections bound their number.
        size = min(size, self._budget.responses.limit) if size > _PIECE else 0
        if size or handler in self._expected:
            self._expected[handler] = size
        if not share.settle(size):
            raise _too_many_responses()
        return response

    async def _in_thread(self, name: str, peer: GuardedHTTP, call: Callable[..., Any], *args: Any) -> Any:
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

    def _call_in_thread(self, handler: ZefFunction, call: Callable[[], Any], share: Share) -> Any:
        """Call a handler in a thread, and make its response there, too, since a long one takes a while."""
        self._reserve_expected(handler, share)
        result = call()
        return result if inspect.isawaitable(result) else self._within_budget(handler, result, share)

    # Errors

    def _refusal_response(self, error: Refusal, match: _Match | None, exchange: _Exchange) -> Response:
        """The response for a refusal, from the server or from a handler."""
        try:
            return plain(error.status, error.detail, error.headers)
        except InvalidResponse as bad:
            return self._error_response(bad, match, exchange)

    def _error_response(self, error: Exception, match: _Match | None, exchange: _Exchange) -> Response:
        """Add an error to the journal. Returns the response with status 500."""
        path = exchange.path
        name = match.name if match is not None else "a request"
        if isinstance(error, InvalidResponse):
            self._runtime.journal.note(
                "error",
                f"{name}: {error}",
                key=("response", self._server, name, error.part),
                example=path,
                server=self._server,
                path=path,
                handler=_handler_of(match),
            )
        else:
            self._runtime.journal.exception(
                f"the response of {name}", error, server=self._server, path=path, handler=_handler_of(match)
            )
        return plain(*_FAILED)

    # Sending

    async def _send(self, response: Response, match: _Match | None, exchange: _Exchange) -> int | None:
        send = exchange.send
        try:
            if response.body is None or len(response.body) > _PIECE:
                send = _in_pieces(send, exchange.peer)
            await response.send(exchange.scope, exchange.receive, send)
        except Disconnected:
            return None
        except Exception as error:
            # uvicorn sends 500 when nothing has been sent yet, and else closes the connection.
            return self._error_response(error, match, exchange).status_code
        return response.status_code


def _match_of(head: RequestHead, accepted: Accepted) -> _Match:
    path, visitor = accepted.route, accepted.visitor
    if isinstance(accepted.value, OwnPage):
        return _Match(head, accepted.value, path, {}, accepted.value.max_body, visitor)
    value, max_body, _ = accepted.value
    return _Match(accepted.head or head, value, path, accepted.variables, max_body, visitor)


def _add_prefix(prefix: str, response: Response) -> None:
    """Add the proxy's prefix to a redirect to a path."""
    location = response.header("location") or ""
    is_path = location.startswith("/") and not location.startswith("//")
    if is_path and location != prefix and not location.startswith(f"{prefix}/"):
        response.set_header("location", prefix + location)


def _reply_response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status)
    response.add_headers(reply.headers)
    return response


def _handler_of(match: _Match | None) -> str | None:
    return name_of(match.value) if match is not None and isinstance(match.value, ZefFunction) else None


def _too_many_responses() -> Refusal:
    return Refusal(503, "too many responses wait to be read; try again later", {"retry-after": "1"})


def _prepared(value: Any) -> Any:
    """The response for a text of a route: made once, so that all requests share one copy of its bytes."""
    is_page = isinstance(value, Entity) and type(value) is ET.HTML
    text = fields_of(value)["content"] if is_page else value
    if not isinstance(text, str):
        return value
    try:
        # A handler's text stays plain text: it may contain what a peer sent.
        return response_of(ET.HTML(content=text) if is_page or text.startswith("<") else text)
    except UnicodeEncodeError:
        return value  # the error is reported when it is requested


def _in_pieces(send: Send, peer: GuardedHTTP) -> Send:
    """A `send` that writes long bodies in pieces, and stops when the peer has left."""

    async def send_in_pieces(message: Message) -> None:
        body = message.get("body", b"")
        if len(body) > _PIECE:
            pieces = memoryview(body)
            last = (len(body) - 1) // _PIECE * _PIECE
            for at in range(0, last, _PIECE):
                await send({"type": message["type"], "body": bytes(pieces[at : at + _PIECE]), "more_body": True})
                if peer.is_closed:
                    raise Disconnected
            message = {**message, "body": bytes(pieces[last:])}
        if peer.is_closed:
            raise Disconnected
        await send(message)

    return send_in_pieces
