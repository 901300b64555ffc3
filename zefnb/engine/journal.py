"""The journal: a ring buffer of what happened and what went wrong.

Faults of the same handler at the same place are one entry with a count. The first of them, and
every tenfold after, is also given to Python's logging under the name ``zefnb``.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from zefnb.core.entity import Entity
from zefnb.core.record import fields_of
from zefnb.core.time import Time
from zefnb.errors import shown

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")

CAPACITY = 1_000
_LONGEST_TEXT = 4_000
_LONGEST_TRACEBACK = 8_000
# Fields of lifecycle messages and requests in which peers send credentials.
_PRIVATE_FIELDS = frozenset({"headers", "query_params", "query", "form_data", "cookies", "body"})
# Headers of which every part is a secret: to the closing quote, or to the end of the line...
_SECRET_HEADER = re.compile(
    r"""(?ix) \b ( (?:set-)?cookie | (?:proxy-)?authorization )
        ( (?: ["']\s*, | ["']?\s*[:=] ) \s* (?: b(?=["']) )? ["']? ) [^"'\n]+"""
)
# ... and whatever is called a token or the like, in queries, forms, JSON and reprs.
_SECRET = re.compile(
    r"""(?ix) (?<![\w-])
        ( [\w-]*? (?: token | api[_-]?key | passw(?:or)?d | passphrase | secret | credentials? | \bauth ) \b
          \\*["']? \s*[=:]\s* (?P<quote> \\*["'] )? )
        (?(quote) [^"'\\\n]+ | (?: bearer\s+ | basic\s+ )? [^\s"'\\&;,)}\]]+ )"""
)

logger = logging.getLogger("zefnb")


@dataclass(slots=True)
class Entry:
    """One line of the journal; `count` tells how often it happened, `last` when the latest time."""

    time: Time
    level: Level
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    traceback: str = ""
    count: int = 1
    last: Time | None = None
    key: object = None
    number: int = field(default_factory=itertools.count().__next__)

    def as_dict(self) -> dict[str, Any]:
        """The entry as `FX.QueryLog` answers it."""
        plain: dict[str, Any] = {
            "time": self.time,
            "level": self.level,
            "message": self.message,
            "count": self.count,
            "last": self.last or self.time,
            **self.details,
        }
        if self.traceback:
            plain["traceback"] = self.traceback
        return plain


# Called with each entry of every journal: the notebook shows faults where they belong.
EVERYWHERE: list[Callable[[Entry], None]] = []


class Journal:
    """What happened, newest last, bounded; safe to write from any thread.

    Warnings and errors have a ring of their own, so that no chatter pushes them out.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lock = threading.Lock()
        self._quiet: deque[Entry] = deque(maxlen=capacity)
        self._loud: deque[Entry] = deque(maxlen=capacity)
        self._repeated: dict[object, Entry] = {}
        self.listeners: list[Callable[[Entry], None]] = []

    def note(self, level: Level, message: str, *, key: object = None, **details: Any) -> None:
        """Write a line. Lines with the same `key` are one entry, counted; `details` say where it came from."""
        self._write(level, message, "", key, details)

    def fault(self, message: str, error: BaseException, **details: Any) -> None:
        """Write down an exception out of user code, with its traceback."""
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, frames[-1].lineno) if frames else None
        text = f"{message}: {type(error).__name__}: {_said(error)}"
        trace = "".join(traceback.format_exception(error))
        key = ("fault", message, type(error), place, *(str(value) for value in _stable(details)))
        self._write("error", text, trace[-_LONGEST_TRACEBACK:], key, {"error": type(error).__name__, **details})

    def _write(self, level: Level, message: str, trace: str, key: object, details: dict[str, Any]) -> None:
        now = Time.now()
        clean = {name: _presentable(value) for name, value in details.items() if value is not None}
        with self._lock:
            entry = self._repeated.get(key) if key is not None else None
            if entry is not None:
                entry.count += 1
                entry.last = now
                entry.details.update(clean)
            else:
                entry = Entry(now, level, hide_secrets(message)[:_LONGEST_TEXT], clean, hide_secrets(trace), key=key)
                self._append(entry)
            count = entry.count
        if level in ("warning", "error") and _is_power_of_ten(count):
            times = f" (for the {count}th time)" if count > 1 else ""
            logger.log(logging.ERROR if level == "error" else logging.WARNING, "%s%s", entry.message, times)
        for listener in (*EVERYWHERE, *self.listeners):
            try:
                listener(entry)
            except Exception:
                # Written down it would come back here; logging it is all that is left.
                logger.exception("a listener of the journal failed")

    def _append(self, entry: Entry) -> None:
        ring = self._loud if entry.level in ("warning", "error") else self._quiet
        if len(ring) == ring.maxlen:
            self._repeated.pop(ring[0].key, None)
        ring.append(entry)
        if entry.key is not None:
            self._repeated[entry.key] = entry

    def entries(self, level: Level = "debug", limit: int | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """Entries of at least `level` whose keys equal `wanted`, the newest first."""
        floor = LEVELS.index(level)
        with self._lock:
            rings = [self._loud] if floor >= LEVELS.index("warning") else [self._loud, self._quiet]
            newest_first = heapq.merge(*map(reversed, rings), key=lambda entry: -entry.number)
            shown_entries = [e.as_dict() for e in newest_first if LEVELS.index(e.level) >= floor]
        found = [entry for entry in shown_entries if all(entry.get(key) == value for key, value in wanted.items())]
        return found[:limit]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._quiet.clear()
            self._loud.clear()
            self._repeated.clear()


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:
        return f"<its __str__ raised {type(failure).__name__}>"


def _stable(details: dict[str, Any]) -> list[Any]:
    """The details that tell one source of faults from another: not the message, which always differs."""
    return [details.get("server"), details.get("handler"), details.get("topic")]


def _presentable(value: Any) -> Any:
    """Handles stay handles, so that one can filter by them; anything from outside becomes short text."""
    if isinstance(value, int | float | Time) or (isinstance(value, Entity) and value._uid is not None):
        return value
    return hide_secrets(value if isinstance(value, str) else shown(_without_private(value)))[:_LONGEST_TEXT]


def _without_private(value: Any) -> Any:
    if not isinstance(value, Entity):
        return value
    kept = {name: "…" if name in _PRIVATE_FIELDS else field for name, field in fields_of(value).items()}
    return type(value)(**kept)


def hide_secrets(text: str) -> str:
    """`text` without the values of tokens, cookies and passwords.

    >>> hide_secrets('GET /ws?token=abc&x=1')
    'GET /ws?token=…&x=1'
    """
    return _SECRET.sub(r"\1…", _SECRET_HEADER.sub(r"\1\2…", text)) if text else text


def _is_power_of_ten(count: int) -> bool:
    while count % 10 == 0:
        count //= 10
    return count == 1


def write_line(content: object) -> None:
    """Print one line, whole, whatever other threads print."""
    sys.stdout.write(f"{content}\n")
    sys.stdout.flush()


def log_value(value: object, prefix: str = "") -> None:
    """What the op `log` does with a value: a line on the output."""
    write_line(f"{prefix}{' ' if prefix else ''}{value if isinstance(value, str) else repr(value)}")
