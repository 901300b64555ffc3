"""HTTP: from a request to its response."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from zefnb.core.entity import ET, Entity
from zefnb.core.function import ZefFunction, as_handler, name_of
from zefnb.core.record import fields_of
from zefnb.engine.cells import current_route, current_server
from zefnb.engine.context import begin_call
from zefnb.engine.runtime import Runtime
from zefnb.errors import InvalidBody
from zefnb.net.access import Access
from zefnb.net.budget import Budget, Share
from zefnb.net.http.body import BODY_LIMIT, read_body
from zefnb.net.http.conditional import conditional
from zefnb.net.http.decision import ANONYMOUS, Accepted, OwnPage, Pending, Reply, Visitor, refuse
from zefnb.net.http.exchange import Exchange
from zefnb.net.http.failures import FAILED, Failures
from zefnb.net.http.forms import BadForm, form_pairs, is_form
from zefnb.net.http.gate import Gate
from zefnb.net.http.guard import GuardedHTTP
from zefnb.net.http.handler_calls import PIECE, HandlerCalls
from zefnb.net.http.module import PATH as MODULE_PATH
from zefnb.net.http.module import module
from zefnb.net.http.opened_file import OpenedFile
from zefnb.net.http.redirects import behind_prefix
from zefnb.net.http.request_entity import request_entity
from zefnb.net.http.request_head import RequestHead, head_of
from zefnb.net.http.response import Disconnected, Message, Receive, Refusal, Response, Scope, Send, as_refusal
from zefnb.net.http.responses import InvalidResponse, plain, response_of
from zefnb.net.http.route_kinds import Directory, EventStream, PushInto
from zefnb.net.http.routes import Route
from zefnb.net.http.streamed_response import BrokenStream
from zefnb.net.ports import Topics

if TYPE_CHECKING:
    from zefnb.net.http.directory import Directories
    from zefnb.net.http.event_stream import EventStreams, StreamClients
    from zefnb.net.http.push_into import Pushes

# Longer bodies are parsed in a thread: a megabyte of a form takes a tenth of a second, one of text a millisecond.
_FORM_READ_HERE = 2_048
_BODY_READ_HERE = 1 << 20
_NO_SNIFF = (b"x-content-type-options", b"nosniff")


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

    @property
    def handler(self) -> str | None:
        """The name of the handler, if the value is one."""
        return name_of(self.value) if isinstance(self.value, ZefFunction) else None


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
        topics: Topics,
        stream_clients: StreamClients,
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
        self._failures = Failures(runtime, server)
        self._calls = HandlerCalls(runtime, server, self._failures)
        self._topics = topics
        self._stream_clients = stream_clients
        # Made for the first route of their kind.
        self._pushes: Pushes | None = None
        self._directories: Directories | None = None
        self.streams: EventStreams | None = None
        self._max_body = BODY_LIMIT if max_body is None else max_body
        self._budget.make_room_for_body(max_body or 0)

    def prepared(self, routes: list[Route]) -> dict[str, dict[str, _RouteValue]]:
        """The values that serve requests from now on, by path and method."""
        by_path: dict[str, dict[str, _RouteValue]] = {}
        for route in routes:
            if route.socket is not None:
                continue
            value = _prepared(route.value) if route.page is None else route.page.handler(self._runtime)
            if callable(value) and not isinstance(value, Response):
                value = as_handler(value, "FX.StartHTTPServer", f"routes[{route.key!r}]")
            by_path.setdefault(route.path, {})[route.method] = _RouteValue(value, route.max_body, route.access)
            self._budget.make_room_for_body(route.max_body or 0)
        if all(route.path != MODULE_PATH for route in routes):
            # Public, since pages without a login have public WebSocket routes.
            by_path[MODULE_PATH] = {"GET": _RouteValue(module(), None, Access(public=True))}
        self._calls.forget_lengths()
        self._prepare_kinds(routes)
        return by_path

    def _prepare_kinds(self, routes: list[Route]) -> None:
        """Make what serves the kinds of these routes. Most servers have none of these kinds, and do not load it."""
        kinds = {type(route.value) for route in routes}
        if PushInto in kinds and self._pushes is None:
            from zefnb.net.http.push_into import Pushes

            self._pushes = Pushes(self._runtime, self._topics, self._calls)
        if Directory in kinds and self._directories is None:
            from zefnb.net.http.directory import Directories

            self._directories = Directories(self._calls)
        if EventStream in kinds and self.streams is None:
            from zefnb.net.http.event_stream import EventStreams

            self.streams = EventStreams(self._runtime, self._topics, self._server, self._stream_clients)
        if self.streams is not None:
            streams = {route.path: route.value for route in routes if isinstance(route.value, EventStream)}
            self.streams.set_routes(streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        head = self._gate.original(head_of(scope))
        began, status = time.monotonic(), None
        try:
            with Share(self._budget.responses) as share:
                status = await self._respond(Exchange(scope, head, receive, send, scope["state"]["peer"], share))
        finally:
            self._log_access(head.client_ip, scope["method"], scope["path"], status, time.monotonic() - began)

    async def _respond(self, exchange: Exchange) -> int | None:
        """Respond to a request. Returns the status that was sent; `None` when the peer left before."""
        match: _Match | None = None
        made: Response | None = None
        head, visitor = exchange.head, ANONYMOUS
        try:
            decision = await self._decide(head)
            if isinstance(decision, Reply):
                response = _reply_response(decision)
            else:
                match, visitor = _match_of(head, decision), decision.visitor
                made = await self._response(match, exchange)
                if isinstance(made, OpenedFile):
                    made.read_in_thread = partial(self._calls.in_thread, f"files of {match.name}", exchange.peer)
                response = conditional(made, head)
        except Refusal as error:
            response = self._refusal_response(error, match, exchange)
        except Disconnected:
            return None
        except Exception as error:
            response = self._error_response(error, match, exchange)
        try:
            self._complete(response, head, visitor, exchange.raw_path)
            return None if exchange.peer.is_closed else await self._send(response, match, exchange)
        finally:
            if made is not None:
                await made.close()

    def _complete(self, response: Response, head: RequestHead, visitor: Visitor, path: str) -> None:
        """Add the headers of the connection, the visitor and the gate."""
        if "connection" in head.headers and any(value.lower() == "close" for value in head.values("connection")):
            response.set_header("connection", "close")
        if visitor.headers:
            response.add_headers(visitor.headers)
        if head.prefix and (location := response.header("location")):
            response.set_header("location", behind_prefix(location, head, path))
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

    async def _response(self, match: _Match, exchange: Exchange) -> Response:
        """The response: for the value of the route, or for the value that its handler returns."""
        handler = match.value
        if isinstance(handler, Response):
            return handler.copy()
        if isinstance(handler, EventStream):
            assert self.streams is not None
            return self.streams.response(match.route, exchange, match.visitor)
        if isinstance(handler, Directory):
            assert self._directories is not None
            return await self._directories.response(handler, exchange.head, match.variables, exchange)
        if not isinstance(handler, ZefFunction | OwnPage | PushInto):
            return response_of(handler)
        current_server.set(self._server)  # in this task only: each request has its own
        current_route.set((match.head.method, match.route))
        begin_call()
        with Share(self._budget.bodies) as bodies:
            headers = exchange.head.headers
            announced = int(exchange.head.first("content-length") or 0)
            limit = self._max_body if match.max_body is None else match.max_body
            expects, has_arrived = "expect" in headers, exchange.peer.has_body
            body = await read_body(exchange.receive, announced, limit, expects, bodies, has_arrived)
            if isinstance(handler, OwnPage):
                return _reply_response(await handler.respond(match.head, body))
            try:
                entity = await self._entity(match, body, exchange.peer)
            except BadForm as error:
                self._on_refused(refuse(400, str(error)))
                raise Refusal(400, str(error)) from None
            del body
            try:
                if isinstance(handler, PushInto):
                    assert self._pushes is not None
                    return await self._pushes.response(handler, entity, exchange)
                return await self._calls.response(handler, match.name, entity, exchange)
            except (InvalidResponse, Disconnected):
                raise
            except InvalidBody as error:
                problem = str(error.faults[0].problem)
                self._on_refused(refuse(400, problem))
                raise Refusal(400, problem) from None
            except BaseException as error:  # SystemExit from a handler must not end the server
                if isinstance(error, asyncio.CancelledError) and exchange.peer.transport.is_closing():
                    raise  # the server stops; otherwise the handler has cancelled itself, or what it awaits
                if (refusal := as_refusal(error)) is not None:
                    raise refusal from None
                self._failures.handler_failed(match.name, match.handler, exchange.path, error)
                raise Refusal(*FAILED) from None

    async def _entity(self, match: _Match, body: bytes, peer: GuardedHTTP) -> Entity:
        """The message for a handler, made in a thread when that takes long. Raises `BadForm`."""
        kind = match.head.first("content-type")
        has_form = is_form(kind)

        def make() -> Entity:
            form = form_pairs(kind, body) if has_form else []
            return request_entity(match.head, body, form, match.variables, match.visitor)

        if len(body) <= (_FORM_READ_HERE if has_form else _BODY_READ_HERE):
            return make()
        entity: Entity = await self._calls.in_thread("reading of bodies", peer, make)
        return entity

    # Errors

    def _refusal_response(self, error: Refusal, match: _Match | None, exchange: Exchange) -> Response:
        """The response for a refusal, from the server or from a handler."""
        try:
            return plain(error.status, error.detail, error.headers)
        except InvalidResponse as bad:
            return self._error_response(bad, match, exchange)

    def _error_response(self, error: Exception, match: _Match | None, exchange: Exchange) -> Response:
        """Add an error to the journal. Returns the response with status 500."""
        name, handler = (match.name, match.handler) if match is not None else ("a request", None)
        return self._failures.response_failed(name, handler, exchange.path, error)

    # Sending

    async def _send(self, response: Response, match: _Match | None, exchange: Exchange) -> int | None:
        send = exchange.send
        try:
            if response.body is None or len(response.body) > PIECE:
                send = _in_pieces(send, exchange.peer)
            await response.send(exchange.scope, exchange.receive, send)
        except Disconnected:
            return None
        except BrokenStream as broken:
            assert match is not None
            await self._calls.report(match.name, match.handler, exchange.path, broken.error)
            exchange.peer.break_off()
            return FAILED[0]
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


def _reply_response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status)
    response.add_headers(reply.headers)
    return response


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
        if len(body) > PIECE:
            pieces = memoryview(body)
            last = (len(body) - 1) // PIECE * PIECE
            for at in range(0, last, PIECE):
                await send({"type": message["type"], "body": bytes(pieces[at : at + PIECE]), "more_body": True})
                if peer.is_closed:
                    raise Disconnected
            message = {**message, "body": bytes(pieces[last:])}
        if peer.is_closed:
            raise Disconnected
        await send(message)

    return send_in_pieces
