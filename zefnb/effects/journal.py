"""Effects on the journal, and the effect that prints."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Literal

from zefnb.core.effect import effect
from zefnb.core.entity import Actor, HTTPServer, Success
from zefnb.core.rows import Rows
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.text.short_repr import short_repr

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("Print")
def print_(runtime: Runtime, *, content: Any) -> Success | Awaitable[Success]:
    """Print `content` as one line, in order with all other output of the program.

    Args:
        content: Any value; its `str` is printed.

    Returns:
        `ET.Success()`.

    >>> from zefnb import *
    >>> FX.Print(content='hello') | run
    hello
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.engine.printing import printed

    return printed(runtime, content, SUCCESS)


@effect("Log")
def log(runtime: Runtime, *, content: Any, level: Literal["debug", "info", "warning", "error"] = "info") -> Success:
    """Write `content` to the journal.

    Args:
        content: Text, or a value whose `repr` is written. Long texts are cut to 4,000 characters.
        level: 'debug', 'info' (the default), 'warning' or 'error'.

    Returns:
        `ET.Success()`.

    >>> from zefnb import *
    >>> FX.Log(content='the door opened') | run
    ET.Success()
    """
    from zefnb.engine.entry import LONGEST_TEXT
    from zefnb.engine.perform import SUCCESS

    runtime.journal.note(level, content if isinstance(content, str) else short_repr(content, LONGEST_TEXT))
    return SUCCESS


@effect("QueryLog")
def query_log(
    runtime: Runtime,
    *,
    filter: dict[str, Any] | None = None,
    limit: int | None = None,
    server: HTTPServer | None = None,
    actor: Actor | None = None,
    level: Literal["debug", "info", "warning", "error"] = "debug",
    kind: Literal["journal", "access"] = "journal",
) -> Rows:
    """Read the journal: events and errors, the newest first.

    The journal keeps the last 1,000 errors, 1,000 warnings and 1,000 other entries. Repeated events are one entry with
    a count, and with `examples` of the values in which they differ. Texts are cut and escaped, and contain no secrets.

    Args:
        filter: A dict of keys and values that an entry must have. Default: none.
        limit: The most entries to return. Default: all.
        server: Only entries of this server.
        actor: Only entries of this actor.
        level: The lowest level to return (default 'debug': all).
        kind: 'journal' (the default), or 'access' for the last 1,000 requests to servers with `logging=True`.

    Returns:
        A list of dicts with the keys time, level, message, count, last (the time of the latest occurrence), for errors
        traceback, and the source of the entry (server, actor, handler, topic, path...). With `kind='access'` the keys
        are kind, time, level ('error' for status 5xx, 'warning' for 4xx), server, client_ip, method, path (without
        its query), status (None if the client left before the response), seconds (the duration) and channel_id. A
        WebSocket has two such rows: GET with status 101, and CLOSE with the close code.

    Raises:
        InvalidEffect: The limit is negative, the level does not exist, or `actor` is given for requests.

    >>> from zefnb import *
    >>> FX.Log(content='the door opened', level='warning') | run
    ET.Success()
    >>> (FX.QueryLog(level='warning', limit=1) | run)[0]['message']
    'the door opened'
    """
    from zefnb.engine.journal import LEVELS

    wanted = dict(filter or {})
    least = wanted.pop("level", level)
    faults = []
    if least not in LEVELS:
        faults.append(FieldError("filter['level']", f"got {shown(least)}", ", ".join(map(repr, LEVELS))))
    if limit is not None and limit < 0:
        faults.append(FieldError("limit", f"got {limit}", "0 or more"))
    if kind == "access" and actor is not None:
        faults.append(FieldError("actor", "a request is of no actor", "None with kind='access'"))
    if faults:
        raise InvalidEffect("FX.QueryLog", faults)
    if server is not None:
        wanted["server"] = server
    if actor is not None:
        wanted["actor"] = actor
    if kind == "access":
        from zefnb.net.http.access_log import AccessLog

        return Rows("access", runtime.service(AccessLog).query(least, limit, **wanted))
    return Rows("log", runtime.journal.entries(least, limit, **wanted))
