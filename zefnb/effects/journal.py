"""Effects on the journal, and printing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from zefnb.core.effect import effect
from zefnb.core.entity import Actor, HTTPServer, Success
from zefnb.core.rows import Rows
from zefnb.errors import FieldError, InvalidEffect, shown
from zefnb.text.short_repr import short_repr

if TYPE_CHECKING:
    from zefnb.engine.runtime import Runtime


@effect("Print")
def print_(runtime: Runtime, *, content: Any) -> Success:
    """Print `content`, in order with everything else the program does.

    >>> from zefnb import *
    >>> FX.Print(content='hello') | run
    hello
    ET.Success()
    """
    from zefnb.engine.perform import SUCCESS
    from zefnb.engine.printing import write_line

    write_line(content)
    return SUCCESS


@effect("Log")
def log(runtime: Runtime, *, content: Any, level: Literal["debug", "info", "warning", "error"] = "info") -> Success:
    """Note `content` in the journal, at 'debug', 'info' (the default), 'warning' or 'error'.

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
) -> Rows:
    """What happened and what went wrong: a list of dicts, the newest first, `limit` at most.

    Keys: time, level, message, count, last, traceback for faults, and where it came from (server, actor,
    handler, topic, path...). `level` is the least to show; `server`, `actor` and `filter`, a dict, select
    by those keys. The journal keeps the last 1,000 errors, 1,000 warnings and 1,000 others; what repeats is one
    entry with a count, and `examples` of what differs. Texts are cut and escaped, and hold no secrets. Raises
    `InvalidEffect` for a negative limit.

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
    if faults:
        raise InvalidEffect("FX.QueryLog", faults)
    if server is not None:
        wanted["server"] = server
    if actor is not None:
        wanted["actor"] = actor
    return Rows("log", runtime.journal.entries(least, limit, **wanted))
