"""The values of routes that have options, other than sockets: checked, and ready to serve requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import ET, Entity
from zefnb.core.frozen import Frozen
from zefnb.core.record import fields_of
from zefnb.core.shapes import SHAPES
from zefnb.core.wire import NANS
from zefnb.errors import FieldError, shown
from zefnb.net.fields import check_topics
from zefnb.net.http.body import BODY_LIMIT
from zefnb.net.http.path_pattern import VARIABLE, ends_with_rest
from zefnb.net.http.route_kinds import PUSH_METHODS, Directory, EventStream, PushInto
from zefnb.net.websocket import history as topic_history
from zefnb.net.websocket.slow_client import check_slow_client

# Seconds.
_LONGEST_RETRY = 3_600


class Place(Frozen):
    """A route: its method, its path, and its name in errors."""

    method: str
    path: str
    where: str


def compile_options(place: Place, value: Entity, faults: list[FieldError]) -> tuple[Any, int | None]:
    """The object for a value whose type is in `COMPILERS`, and its limit for bodies. Adds mistakes to `faults`."""
    given, shape = fields_of(value), SHAPES[type(value).__name__]
    faults.extend((*shape.unknown(place.where, given), *shape.missing(place.where, given)))
    faults.extend(max_body_faults(f"{place.where}.max_body", given.get("max_body")))
    return COMPILERS[type(value)](place, given, faults), given.get("max_body")


def max_body_faults(where: str, given: Any) -> list[FieldError]:
    """The mistakes in a limit for bodies."""
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and given >= 0):
        return []
    return [FieldError(where, f"got {shown(given)}", f"a number of bytes, or None for the default of {BODY_LIMIT:,}")]


def _handler(place: Place, given: Mapping[str, Any], faults: list[FieldError]) -> Any:
    handler = given.get("handler")
    if "handler" in given and (not callable(handler) or isinstance(handler, Entity | Effect)):
        faults.append(FieldError(f"{place.where}.handler", f"got {shown(handler)}", "a function of the request"))
    return handler


def _push_into(place: Place, given: Mapping[str, Any], faults: list[FieldError]) -> PushInto:
    if place.method not in PUSH_METHODS:
        problem = f"a request with {place.method} has no body to publish"
        faults.append(FieldError(place.where, problem, " or ".join(repr((each, place.path)) for each in PUSH_METHODS)))
    topics = check_topics(f"{place.where}.topics", given.get("topics"), faults)
    if "topics" in given and not given["topics"]:
        faults.append(FieldError(f"{place.where}.topics", f"got {shown(given['topics'])}", "at least one topic"))
    return PushInto(topics)


def _from_directory(place: Place, given: Mapping[str, Any], faults: list[FieldError]) -> Directory | None:
    if place.method != "GET":
        faults.append(FieldError(place.where, f"files are not served for {place.method}", f"GET: {place.path!r}"))
    if not (ends_with_rest(place.path) or place.path.endswith(":path}")):
        allowed = f"a path that ends with a variable for the rest: {place.path.rstrip('/') + '/{path...}'!r}"
        faults.append(FieldError(place.where, f"path {place.path!r}", allowed))
        return None
    path = given.get("path")
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        if "path" in given:
            faults.append(FieldError(f"{place.where}.path", f"got {shown(path)}", "the path of a directory"))
        return None
    # The current directory may change later.
    return Directory(os.path.abspath(path), [found[1] for found in VARIABLE.finditer(place.path)][-1])


def _event_stream(place: Place, given: Mapping[str, Any], faults: list[FieldError]) -> EventStream:
    where, subscribe = place.where, given.get("clients_subscribe_to")
    if place.method != "GET":
        faults.append(FieldError(where, f"an event stream is not sent for {place.method}", f"GET: {place.path!r}"))
    topics = check_topics(f"{where}.clients_subscribe_to", subscribe, faults)
    if "clients_subscribe_to" in given and not subscribe:
        faults.append(FieldError(f"{where}.clients_subscribe_to", f"got {shown(subscribe)}", "at least one topic"))
    history, retry, nan = given.get("history", 0), given.get("retry", EventStream.retry), given.get("nan", "null")
    if type(history) is not int or not 0 <= history <= topic_history.MAX_MESSAGES:
        faults.append(
            FieldError(f"{where}.history", f"got {shown(history)}", f"0 to {topic_history.MAX_MESSAGES:,} messages")
        )
    if type(retry) not in (int, float) or not 0 < retry <= _LONGEST_RETRY:
        faults.append(FieldError(f"{where}.retry", f"got {shown(retry)}", "seconds, such as 2.0"))
    if nan not in NANS:
        faults.append(FieldError(f"{where}.nan", f"got {shown(nan)}", " | ".join(map(repr, NANS))))
    slow_client = check_slow_client(f"{where}.slow_client", given.get("slow_client", "close"), faults)
    return EventStream(topics, history, slow_client, nan, retry)


COMPILERS: dict[type, Callable[[Place, Mapping[str, Any], list[FieldError]], Any]] = {
    ET.Route: _handler,
    ET.PushInto: _push_into,
    ET.FromDirectory: _from_directory,
    ET.EventStream: _event_stream,
}
