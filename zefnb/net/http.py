"""HTTP: from a request to the value that answers it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from zefnb.core.entity import ET, Entity
from zefnb.core.function import ZefFunction, as_handler, name_of
from zefnb.core.record import fields_of
from zefnb.core.time import Time
from zefnb.core.wire import to_json_text
from zefnb.engine.context import begin_call
from zefnb.engine.runtime import Runtime
from zefnb.engine.things import current_server
from zefnb.errors import shown
from zefnb.net.admission import Admission
from zefnb.net.routes import PathTable, Route

BODY_LIMIT = 1 << 20
BODY_PROGRESS_WITHIN = 10.0
# What is read and forgotten of a body that is too long, so that the peer gets to read the answer.
_FORGOTTEN_AT_MOST = 16 << 20
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class HTTPApp:
    """The ASGI application of a server: admission, routes, handlers, answers."""

    def __init__(self, runtime: Runtime, server: Entity, admission: Admission, refused: Callable[..., None]) -> None:
        self._runtime = runtime
        self._server = server
        self._admission = admission
        self._refused = refused
        self._table = PathTable({})
        self.body_limit = BODY_LIMIT

    def set_routes(self, routes: list[Route]) -> None:
        """Serve these from now on."""
        by_path: dict[str, dict[str, Any]] = {}
        for route in routes:
            value = route.value
            if callable(value):
                value = as_handler(value, "FX.StartHTTPServer", f"routes[{route.key!r}]")
            by_path.setdefault(route.path, {})["WEBSOCKET" if route.socket is not None else route.method] = value
        self._table = PathTable(by_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, _Progress(receive).receive)
        try:
            response = await self._respond(request)
        except HTTPException as error:
            response = _plain(error.status_code, error.detail, error.headers)
        except ClientDisconnect:
            return
        if request.headers.get("connection", "").lower() == "close":
            response.headers["connection"] = "close"
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        host = request.headers.get("host")
        if not host:
            raise HTTPException(400, "a request names its Host", {"connection": "close"})
        if not self._admission.host_fits(host):
            self._refused("Host", host)
            raise HTTPException(403, "this server does not answer to that Host")
        methods, variables = self._table.find(request.scope["path"])
        if methods is None:
            raise HTTPException(404, "Not Found")
        method = request.method
        if method == "HEAD" and "HEAD" not in methods:
            method = "GET"
        if method not in methods:
            raise self._not_this_method(methods)
        for origin in request.headers.getlist("origin"):
            if not self._admission.origin_fits(origin):
                self._refused("Origin", origin)
                raise HTTPException(403, "this server does not answer to pages of that Origin")
        value = methods[method]
        if isinstance(value, ZefFunction):
            value = await self._handled(value, request, variables)
        return self._answer(value, request)

    def _not_this_method(self, methods: Mapping[str, Any]) -> HTTPException:
        if "WEBSOCKET" in methods:
            return HTTPException(426, "this is a WebSocket route", {"upgrade": "websocket", "connection": "upgrade"})
        allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
        return HTTPException(405, "Method Not Allowed", {"allow": ", ".join(allowed)})

    async def _handled(self, handler: ZefFunction, request: Request, variables: dict[str, Any]) -> Any:
        current_server.set(self._server)  # this task's alone: one for each request
        begin_call()
        try:
            entity = await self._request_entity(request, variables)
            if handler.is_async:
                return await handler(entity)
            if handler.inline:
                return handler(entity)
            return await self._in_runner(handler, entity)
        except (HTTPException, ClientDisconnect, asyncio.CancelledError):
            raise
        except BaseException as error:  # SystemExit from a handler is its fault, not our end
            name = name_of(handler)
            path = request.scope["path"]
            # The path is the peer's to choose; what failed is the handler.
            self._runtime.journal.fault(
                f"handler {name} of {path}",
                error,
                key="handler of a request",
                example=path,
                handler=name,
                server=self._server,
                path=path,
            )
            raise HTTPException(500, "Internal Server Error") from None

    async def _in_runner(self, handler: ZefFunction, entity: Entity) -> Any:
        answered: asyncio.Future[tuple[Any, BaseException | None]] = self._runtime.loop.create_future()

        def done(answer: Any, error: BaseException | None) -> None:
            if not answered.done():
                answered.set_result((answer, error))

        self._runtime.runner.submit(done, contextvars.copy_context().run, handler, entity)
        answer, error = await answered
        if error is not None:
            raise error
        return await answer if inspect.isawaitable(answer) else answer

    async def _request_entity(self, request: Request, variables: dict[str, Any]) -> Entity:
        body = await self._body(request)
        try:
            text: str | bytes = body.decode()
        except UnicodeDecodeError:
            text = body
        fields: dict[str, Any] = {
            "path": request.scope["path"],
            "method": request.method,
            "headers": dict(request.headers),
            "query": request.url.query,
            "query_params": dict(parse_qsl(request.url.query, keep_blank_values=True)),
            "body": text,
            "form_data": await self._form(request),
            "client_ip": request.client.host if request.client else "",
            "req_time": Time.now(),
            "path_params": variables,
        }
        entity: Entity = ET.Request(**{**variables, **fields})
        return entity

    async def _body(self, request: Request) -> bytes:
        limit = self.body_limit
        too_long = HTTPException(413, f"a body is {limit} bytes at most", {"connection": "close"})
        announced = int(request.headers.get("content-length", "0"))
        if announced > limit and "expect" in request.headers:
            raise too_long
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size <= limit and announced <= limit:
                parts.append(part)
            elif size > _FORGOTTEN_AT_MOST:
                break
        if size > limit:
            raise too_long
        request._body = body = b"".join(parts)
        return body

    async def _form(self, request: Request) -> dict[str, Any]:
        if not request.headers.get("content-type", "").lower().startswith(_FORMS):
            return {}
        try:
            form = await request.form()
        except MultiPartException as error:
            raise HTTPException(400, error.message) from None
        data: dict[str, Any] = {}
        for name, value in form.multi_items():
            if not isinstance(value, str):
                content = await value.read()
                value = {"filename": value.filename, "content": content, "content_type": value.content_type}  # type: ignore[assignment]
            data[name] = value
        await form.close()
        return data

    def _answer(self, value: Any, request: Request) -> Response:
        try:
            response = _response(value)
        except HTTPException:
            raise
        except Exception as error:
            path = request.scope["path"]
            text = f"the answer {shown(value)} to {path}"
            key = ("answer", type(value))
            self._runtime.journal.fault(text, error, key=key, example=path, server=self._server, path=path)
            raise HTTPException(500, "Internal Server Error") from None
        if response is None:
            self._runtime.journal.note(
                "error",
                f"a handler answered {shown(value)}; allowed: text, None, ET.HTML, ET.JSON, ET.Response, "
                "ET.Redirect, ET.FromFile, dict, list",
                key=("answer", self._server, type(value)),
                server=self._server,
            )
            raise HTTPException(500, "Internal Server Error")
        return response


def _response(value: Any) -> Response | None:
    """The HTTP response that a value means; `None` when it means none."""
    if value is None:
        return Response(status_code=204)
    if isinstance(value, str):
        return PlainTextResponse(value)
    if isinstance(value, bytes | bytearray):
        return Response(bytes(value), media_type="application/octet-stream")
    if isinstance(value, dict | list):
        return Response(to_json_text(value), media_type="application/json")
    if not isinstance(value, Entity):
        return None
    given = fields_of(value)
    kind = type(value)
    if kind is ET.HTML:
        return Response(given["content"], media_type="text/html")
    if kind is ET.JSON:
        return Response(to_json_text(given["content"]), media_type="application/json")
    if kind is ET.Redirect:
        return RedirectResponse(given["url"], status_code=given.get("status", 302))
    if kind is ET.FromFile:
        return _file(given["path"], given.get("media_type"))
    if kind is ET.Response:
        return _full_response(given)
    return None


def _full_response(given: dict[str, Any]) -> Response:
    body = given.get("body", b"")
    if isinstance(body, Entity):
        inner = _response(body)
        if inner is not None:
            inner.status_code = given.get("status", inner.status_code)
            inner.headers.update(given.get("headers", {}))
            return inner
    text = "" if body is None else to_json_text(body) if isinstance(body, dict | list) else body
    response = Response(text, status_code=given.get("status", 200))
    if isinstance(body, str):
        response.headers["content-type"] = "text/plain; charset=utf-8"
    elif isinstance(body, dict | list):
        response.headers["content-type"] = "application/json"
    response.headers.update(given.get("headers", {}))
    return response


def _file(path: Any, media_type: str | None) -> Response:
    if not os.path.isfile(path):
        raise HTTPException(404, "Not Found")
    return FileResponse(path, media_type=media_type)


def _plain(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    return PlainTextResponse(f"{status} {detail}\n", status_code=status, headers=dict(headers or {}))


class _Progress:
    """A `receive` that gives up on a body that stalls."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def receive(self) -> Message:
        """The next message; 408 when none comes within 10 s."""
        try:
            return await asyncio.wait_for(self._receive(), BODY_PROGRESS_WITHIN)
        except TimeoutError:
            raise HTTPException(408, "the body stalled", {"connection": "close"}) from None
