"""Routes: checks the routes of a server, reports all mistakes at once, and finds the value that serves a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import ET, Entity, entity_type
from zefnb.core.function import as_handler
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES, of_kind
from zefnb.core.shapes.shape import Shape
from zefnb.core.types import describe
from zefnb.core.wire import NANS
from zefnb.engine.journal import Journal
from zefnb.errors import FieldError, InvalidEffect, InvalidValue, shown
from zefnb.net.access import USERS, Access
from zefnb.net.fields import check_actor, check_topics
from zefnb.net.http.body import BODY_LIMIT
from zefnb.net.http.path_pattern import VARIABLE, path_pattern
from zefnb.net.http.responses import is_json
from zefnb.net.websocket import history
from zefnb.net.websocket.endpoint import MAX_SIZE, EndpointConfig
from zefnb.net.websocket.slow_client import check_slow_client

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Served on each server with `auth=`.
OWN_PATHS = ("/auth/login", "/auth/callback", "/auth/logout", "/auth/ticket")
_RESPONSES: dict[type, Shape] = {entity_type(shape.name): shape for shape in of_kind("response")}


@dataclass(frozen=True)
class Route:
    """One route: its method and path, and the value that serves it."""

    key: Any
    method: str
    path: str
    value: Any
    socket: EndpointConfig | None = None
    # The limit for a body; `None` for the server's own limit.
    max_body: int | None = None
    access: Access = USERS


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
    return list(compiled.values())


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
    if isinstance(value, Entity) and type(value) is ET.Route:
        value, max_body = _compile_handler(where, value, faults)
    else:
        _check_value(where, value, faults)
    if len(faults) > before:
        return None
    return Route(key, method.upper(), normal_path(path), value, None, max_body, access)


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


def _compile_handler(where: str, value: Entity, faults: list[FieldError]) -> tuple[Any, int | None]:
    """The handler of an `ET.Route`, and its limit for bodies."""
    given, shape = fields_of(value), SHAPES["Route"]
    faults.extend((*shape.unknown(where, given), *shape.missing(where, given)))
    handler, max_body = given.get("handler"), given.get("max_body")
    if "handler" in given and (not callable(handler) or isinstance(handler, Entity | Effect)):
        faults.append(FieldError(f"{where}.handler", f"got {shown(handler)}", "a function of the request"))
    faults.extend(max_body_faults(f"{where}.max_body", max_body))
    return handler, max_body


def max_body_faults(where: str, given: Any) -> list[FieldError]:
    """The mistakes in a limit for bodies."""
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and given >= 0):
        return []
    return [FieldError(where, f"got {shown(given)}", f"a number of bytes, or None for the default of {BODY_LIMIT:,}")]


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
        faults.append(FieldError(where, f"path {path!r}: {error}", "variables such as {name} or {name:int}"))


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
            allowed = ", ".join(repr(kind) for kind in (*_RESPONSES, ET.Route, ET.WebSocket))
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
    behaviour, state = check_actor(f"{where}.actor", actor, journal, faults)
    options = {**_options(where, given, faults), "access": _compile_access(where, given, faults)}
    return EndpointConfig(subscribe, push, behaviour, state, **options)


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
    return options


class PathTable:
    """Finds the value that serves a path: plain paths first, then those with variables in the given order."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._plain = {path: value for path, value in entries.items() if not VARIABLE.search(path)}
        self._patterns = [(path_pattern(path), value) for path, value in entries.items() if VARIABLE.search(path)]

    def find(self, path: str) -> tuple[Any, dict[str, Any]]:
        """The value that serves `path`, and the path's variables; `None` when there is none."""
        path = normal_path(path)
        if path in self._plain:
            return self._plain[path], {}
        for pattern, value in self._patterns:
            variables = pattern.match(path)
            if variables is not None:
                return value, variables
        return None, {}
