"""Routes: checks the routes of a server, reports all mistakes at once, and finds the value that serves a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import ET, Entity, entity_type
from zefnb.core.frozen import Frozen
from zefnb.core.function import as_handler
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES, of_kind
from zefnb.core.shapes.shape import Shape
from zefnb.core.types import describe
from zefnb.core.wire import NANS
from zefnb.engine.journal import Journal
from zefnb.errors import FieldError, InvalidEffect, InvalidValue, shown
from zefnb.net.access import USERS, Access
from zefnb.net.fields import check_actor, check_topic, check_topics
from zefnb.net.http.module import source
from zefnb.net.http.path_pattern import VARIABLE, ends_with_rest, path_pattern
from zefnb.net.http.responses import is_json
from zefnb.net.http.route_values import COMPILERS, Place, compile_options
from zefnb.net.websocket import history
from zefnb.net.websocket.endpoint import MAX_SIZE, EndpointConfig
from zefnb.net.websocket.page_port import PageConfig
from zefnb.net.websocket.resume import check_resume
from zefnb.net.websocket.slow_client import check_slow_client

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Bytes of a message of a page of parts.
MAX_PAGE_MESSAGE = 1 << 16
# Served on each server with `auth=`.
OWN_PATHS = ("/auth/login", "/auth/callback", "/auth/logout", "/auth/ticket")
_RESPONSES: dict[type, Shape] = {entity_type(shape.name): shape for shape in of_kind("response")}


class Route(Frozen):
    """One route: its method and path, and the value that serves it."""

    key: Any
    method: str
    path: str
    value: Any
    socket: EndpointConfig | None = None
    # The limit for a body; `None` for the server's own limit.
    max_body: int | None = None
    access: Access = USERS
    # The page of an `ET.Page`.
    page: PageConfig | None = None


def compile_routes(
    routes: Mapping[Any, Any], journal: Journal, subject: str = "FX.StartHTTPServer", has_auth: bool = False
) -> list[Route]:
    """The checked routes. Raises `InvalidEffect`, which lists every mistake with its route and field."""
    faults: list[FieldError] = []
    compiled: dict[tuple[str, str], Route] = {}
    for key, value in routes.items():
        route = _compile_route(key, value, journal, faults)
        if route is None:
            continue
        if route.access.allow is not None and not has_auth:
            faults.append(FieldError(f"routes[{key!r}].allow", "the server has no auth=", "with auth= only"))
        if has_auth and route.path in OWN_PATHS:
            faults.append(FieldError(f"routes[{key!r}]", "zefnb serves this path on a server with auth="))
        place = (route.method, route.path)
        if place in compiled:
            problem = f"means the same as route {compiled[place].key!r}"
            faults.append(FieldError(f"routes[{key!r}]", problem, "one value for each method and path"))
        compiled[place] = route
    if faults:
        raise InvalidEffect(subject, faults)
    sockets = (_socket_of_page(route, route.page) for route in compiled.values() if route.page is not None)
    return [*compiled.values(), *sockets]


def _socket_of_page(route: Route, page: PageConfig) -> Route:
    """The route of the connections of a page, at the path of the page, where there can be no other socket."""
    config = EndpointConfig(page=page, presence=page.presence, max_size=MAX_PAGE_MESSAGE, access=route.access)
    return Route(route.key, "GET", route.path, route.value, config, None, route.access)


def _compile_route(key: Any, value: Any, journal: Journal, faults: list[FieldError]) -> Route | None:
    where = f"routes[{key!r}]"
    method, path = key if isinstance(key, tuple) and len(key) == 2 else ("GET", key)
    before = len(faults)
    if not isinstance(path, str) or not path.startswith("/"):
        hint = f"write '/{path}'" if isinstance(path, str) else ""
        faults.append(FieldError(where, f"path {shown(path)}", "a path that begins with a slash", hint))
    elif "?" in path or "#" in path:
        faults.append(FieldError(where, f"path {path!r} holds a query", "a path alone"))
    else:
        _check_variables(where, path, faults)
    if not isinstance(method, str) or method.upper() not in METHODS:
        faults.append(FieldError(where, f"method {shown(method)}", ", ".join(METHODS)))
    if isinstance(value, Entity) and type(value) is ET.WebSocket:
        if key != path:
            faults.append(FieldError(where, "a WebSocket route takes no method", f"the path alone: {path!r}"))
        config = _compile_socket(where, value, journal, faults)
        if config is None or len(faults) > before:
            return None
        return Route(key, "GET", normal_path(path), value, config, None, config.access)
    max_body, access = None, USERS
    if isinstance(value, Entity):
        access = _compile_access(where, fields_of(value), faults)
    page = None
    if isinstance(value, Entity) and type(value) is ET.Page:
        page = _compile_page(where, key, path, value, faults)
    elif isinstance(value, Entity) and type(value) in COMPILERS:
        value, max_body = compile_options(Place(str(method).upper(), str(path), where), value, faults)
    else:
        _check_value(where, value, faults)
    if len(faults) > before:
        return None
    return Route(key, method.upper(), normal_path(path), value, None, max_body, access, page)


def _compile_page(where: str, key: Any, path: Any, value: Entity, faults: list[FieldError]) -> PageConfig | None:
    # Loaded here, since most servers have none.
    from zefnb.net.page.page import compile_page

    if key != path:
        faults.append(FieldError(where, "a page takes no method", f"the path alone: {path!r}"))
    return compile_page(where, value, source(), faults)


def _compile_access(where: str, given: Mapping[str, Any], faults: list[FieldError]) -> Access:
    """The fields `public` and `allow` of a route."""
    public, allow = given.get("public", False), given.get("allow")
    if not isinstance(public, bool):
        faults.append(FieldError(f"{where}.public", f"got {shown(public)}", "True or False"))
    if allow is None:
        return Access(public is True)
    if public is True:
        faults.append(FieldError(f"{where}.allow", "the route is public", "one of allow and public"))
    try:
        if not isinstance(allow, Entity | Effect):
            return Access(False, as_handler(allow, "FX.StartHTTPServer", f"{where}.allow"))
    except InvalidValue:
        pass
    faults.append(FieldError(f"{where}.allow", f"got {shown(allow)}", "a function of the user"))
    return USERS


def normal_path(path: str) -> str:
    """The path without a slash at its end: `/ws/` is `/ws`.

    >>> normal_path('/ws/'), normal_path('/')
    ('/ws', '/')
    """
    return path.rstrip("/") or "/"


def _check_variables(where: str, path: str, faults: list[FieldError]) -> None:
    try:
        path_pattern(path)
    except ValueError as error:
        faults.append(FieldError(where, f"path {path!r}: {error}", "variables such as {name}, {name:int} or {name...}"))


def _check_value(where: str, value: Any, faults: list[FieldError]) -> None:
    """Check the value of a route: a value that means a response, or a handler that returns one."""
    if isinstance(value, Effect):
        faults.append(FieldError(where, f"got the effect {shown(value)}", "a response or a handler"))
    elif isinstance(value, Entity):
        shape = _RESPONSES.get(type(value))
        if shape is not None:
            faults.extend(shape.missing(where, fields_of(value)))
            if shape.name == "JSON" and (nan := fields_of(value).get("nan", "null")) not in NANS:
                faults.append(FieldError(f"{where}.nan", f"got {shown(nan)}", " | ".join(map(repr, NANS))))
        else:
            allowed = ", ".join(repr(kind) for kind in (*_RESPONSES, *COMPILERS, ET.WebSocket, ET.Page))
            faults.append(FieldError(where, f"got {shown(value)}", f"text, None, a handler, {allowed}"))
    elif not (value is None or isinstance(value, str | bytes) or callable(value) or is_json(value)):
        allowed = "text, bytes, None, dict, list, a value with a converter, ET.HTML, ... or a handler"
        faults.append(FieldError(where, f"got {shown(value)}", allowed))


def _compile_socket(where: str, value: Entity, journal: Journal, faults: list[FieldError]) -> EndpointConfig | None:
    given = fields_of(value)
    faults.extend(SHAPES["WebSocket"].unknown(where, given))
    subscribe = check_topics(f"{where}.clients_subscribe_to", given.get("clients_subscribe_to"), faults)
    push = check_topics(f"{where}.clients_push_into_", given.get("clients_push_into_"), faults)
    actor = given.get("actor")
    allowed = "clients_subscribe_to=[...], clients_push_into_=[...] or actor=FX.StartActor(...)"
    has_topics = bool(given.get("clients_subscribe_to") or given.get("clients_push_into_"))
    if actor is None and not has_topics:
        faults.append(FieldError(where, "ET.WebSocket has neither topics nor an actor", allowed))
    if actor is not None and has_topics:
        faults.append(FieldError(where, "ET.WebSocket has both topics and an actor", f"one of the two: {allowed}"))
    if given.get("history") and not given.get("clients_subscribe_to"):
        faults.append(FieldError(f"{where}.history", "no topics to take it from", "with clients_subscribe_to=[...]"))
    _check_messages(where, given, faults)
    behaviour, state = check_actor(f"{where}.actor", actor, journal, faults)
    options = {**_options(where, given, faults), "access": _compile_access(where, given, faults)}
    options["presence"] = check_topic(f"{where}.presence", given.get("presence"), faults)
    return EndpointConfig(subscribe, push, behaviour, state, **options)


def _check_messages(where: str, given: Mapping[str, Any], faults: list[FieldError]) -> None:
    """The options of incoming messages, each of which needs a receiver."""
    pushes, has_actor = bool(given.get("clients_push_into_")), given.get("actor") is not None
    if given.get("json") is True and not (pushes or has_actor):
        faults.append(
            FieldError(f"{where}.json", "the route accepts no messages", "with clients_push_into_ or an actor")
        )
    if given.get("sender") is True and has_actor:
        hint = "its ET.WSClientConnected has the channel_id and the user"
        faults.append(FieldError(f"{where}.sender", "the actor has one client", "with clients_push_into_=[...]", hint))
    elif given.get("sender") is True and not pushes:
        faults.append(FieldError(f"{where}.sender", "the route accepts no messages", "with clients_push_into_=[...]"))
    if given.get("echo") is False and not (pushes and given.get("clients_subscribe_to")):
        problem = "no client gets its own messages on this route"
        faults.append(FieldError(f"{where}.echo", problem, "with clients_push_into_ and clients_subscribe_to"))


def _options(where: str, given: Mapping[str, Any], faults: list[FieldError]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    checks: dict[str, tuple[Any, Any, str]] = {
        "max_size": (int, lambda v: v is not True and v > 0, f"bytes in a message, default {MAX_SIZE}"),
        "compression": (bool, lambda v: True, "True or False"),
        "subprotocols": (list | tuple, lambda v: all(isinstance(item, str) for item in v), "a list of names"),
        "history": (
            int,
            lambda v: v is not True and 0 <= v <= history.MAX_MESSAGES,
            f"0 to {history.MAX_MESSAGES:,} messages",
        ),
        **dict.fromkeys(("json", "echo", "sender"), (bool, lambda v: True, "True or False")),
        "nan": (str, lambda v: v in NANS, " | ".join(map(repr, NANS))),
    }
    for name, (kind, fits, allowed) in checks.items():
        if name not in given:
            continue
        value = given[name]
        if not isinstance(value, kind) or not fits(value):
            faults.append(FieldError(f"{where}.{name}", f"got {shown(value)}", allowed or describe(kind)))
        options[name] = tuple(value) if name == "subprotocols" and isinstance(value, list | tuple) else value
    if "slow_client" in given:
        options["slow_client"] = check_slow_client(f"{where}.slow_client", given["slow_client"], faults)
    if "resume" in given:
        options["resume"] = check_resume(f"{where}.resume", given["resume"], faults)
    return options


class PathTable:
    """Finds the value that serves a path: plain paths first, then those with variables in the given order."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._plain = {path: value for path, value in entries.items() if not VARIABLE.search(path)}
        self._patterns = [
            (path_pattern(path), ends_with_rest(path), value)
            for path, value in entries.items()
            if VARIABLE.search(path)
        ]

    def find(self, path: str) -> tuple[Any, dict[str, Any]]:
        """The value that serves `path`, and the path's variables; `None` when there is none."""
        path = normal_path(path)
        if path in self._plain:
            return self._plain[path], {}
        for pattern, is_open, value in self._patterns:
            # The rest of a path may be empty: `/site/{path...}` serves `/site` and `/site/`, too.
            variables = pattern.match(path) or (pattern.match(f"{path}/") if is_open else None)
            if variables is not None:
                return value, variables
        return None, {}
