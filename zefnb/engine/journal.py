"""The journal: ring buffers of events and errors.

Errors of the same handler at the same place are one entry with a count. Errors and warnings number 1, 10, 100... are
also logged with Python's logging, by the logger ``zefnb``, as one line.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from zefnb.core.time import Time
from zefnb.engine.entry import LEVELS, Entry, Level, line_text, presentable
from zefnb.engine.rate_limit import RateLimit
from zefnb.engine.side_thread import LOGGING
from zefnb.engine.tally import is_power_of_ten
from zefnb.errors import UsageError, effect_of
from zefnb.text.secrets import hide_secrets
from zefnb.text.short_repr import class_name
from zefnb.text.tracebacks import error_text, format_error, traceback_of

__all__ = ["CAPACITY", "COMMON_LISTENERS", "LEVELS", "Entry", "Journal", "Level", "hide_secrets", "logger"]

CAPACITY = 1_000
# Different entries from one place in the code, such as errors of one op on many topics. A peer can often choose in what
# they differ (a topic's name, an error's class). The others share one entry, so that they displace no other errors.
FAMILY_LIMIT = 50
# The rate limit of lines to Python's logging.
_LINES_AT_ONCE = 100
_LINES_PER_SECOND = 10.0

# A file and a line of it.
Place = tuple[str, int]
_PACKAGE = str(Path(__file__).parents[1]) + os.sep

logger = logging.getLogger("zefnb")

# Called with each entry of every journal; the notebook shows errors under their cells.
COMMON_LISTENERS: list[Callable[[Entry], None]] = []


class Journal:
    """A bounded list of entries; any thread and any signal handler can write to it.

    Errors and warnings have their own rings, so that neither information nor refused peers displace errors. There is
    no lock. User code (a `__str__`, a logging handler) runs only between operations on a dict and a deque, which are
    atomic.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self._capacity = CAPACITY if capacity is None else capacity
        quiet: deque[Entry] = deque()
        self._rings: dict[Level, deque[Entry]] = {"debug": quiet, "info": quiet, "warning": deque(), "error": deque()}
        self._repeated: dict[Hashable, Entry] = {}
        # The number of entries of each family.
        self._families: dict[object, int] = {}
        self._lines = RateLimit(_LINES_AT_ONCE, _LINES_PER_SECOND)
        self.listeners: list[Callable[[Entry], None]] = []

    def note(
        self, level: Level, message: str, *, key: Hashable = None, example: str | None = None, **details: Any
    ) -> None:
        """Write a line.

        Lines with the same `key` are one entry with a count. A key must not depend on a peer's input, since peers
        could then create any number of entries; pass such input as `example`, of which the entry keeps a few.
        `details` name the source, such as the server and the handler.
        """
        if self._counted(key, example, details):
            return
        # Lines of "info", such as those that handlers print, have a ring of their own and displace no errors.
        family = (level, key[0]) if isinstance(key, tuple) and self._rings[level] is not self._rings["info"] else None
        key, more = self._within_family(key, family)
        if not more or not self._counted(key, example, details):
            text = line_text(message + more)
            self._add(Entry(Time.now(), level, text, presentable(details), key=key, family=family), example)

    def exception(
        self, message: str, error: BaseException, *, key: Hashable = None, example: str | None = None, **details: Any
    ) -> None:
        """Write an exception of user code, with its traceback.

        Exceptions are one entry if they have the same type, `part`, effect, line of code, `key` (by default the
        message), server, handler and topic.
        """
        kind = class_name(error)
        where = tuple(details.get(name) for name in ("server", "handler", "topic"))
        # `isinstance` would read the exception's `__class__`, which may raise, as may the hash of its type.
        part = error.part if issubclass(type(error), UsageError) else ""  # type: ignore[attr-defined]
        effect = effect_of(error)
        place, caller = _places(error)
        key = ("fault", message if key is None else key, kind, id(type(error)), part, effect, place, caller, where)
        details = {"error": kind, **details}
        if self._counted(key, example, details):
            return
        family = ("fault", part, place, details.get("handler"))
        key, more = self._within_family(key, family)
        if more and self._counted(key, example, details):
            return
        text = f"{message}: {kind}: {error_text(error)}"
        # The text of an exception of the program or of another library does not name the effect.
        text = line_text(f"{text} (raised by {effect})" if effect not in text else text) + more
        entry = Entry(Time.now(), "error", text, presentable(details), format_error(error), key=key, family=family)
        self._add(entry, example)

    def _within_family(self, key: Hashable, family: Hashable) -> tuple[Hashable, str]:
        """Return the key, or the common key and its remark when there are already many entries of this family."""
        if family is None or self._families.get(family, 0) < FAMILY_LIMIT:
            return key, ""
        return ("others", family), " (counted with others from the same place)"

    def _counted(self, key: Hashable, example: str | None, details: dict[str, Any]) -> bool:
        """Count this occurrence in the entry of that key. Returns false if there is none."""
        found = self._repeated.get(key) if key is not None else None
        if found is None:
            return False
        self._notify(found, found.count_repeat(Time.now(), presentable(details), example))
        return True

    def _add(self, entry: Entry, example: str | None) -> None:
        entry.add_example(example)
        found = self._repeated.setdefault(entry.key, entry) if entry.key is not None else entry
        if found is not entry:  # another thread was first
            self._notify(found, found.count_repeat(entry.time, entry.details, example))
            return
        if entry.family is not None:
            self._families[entry.family] = self._families.get(entry.family, 0) + 1
        ring = self._rings[entry.level]
        ring.append(entry)
        while len(ring) > self._capacity:
            self._forget(ring)
        self._notify(entry, 1)

    def _forget(self, ring: deque[Entry]) -> None:
        try:
            oldest = ring.popleft()
        except IndexError:  # cleared meanwhile
            return
        if oldest.key is not None:
            self._repeated.pop(oldest.key, None)
        # Without a lock a count can be wrong by a few, so it is never negative.
        left = self._families.pop(oldest.family, 1) - 1
        if left > 0:
            self._families[oldest.family] = left

    def _notify(self, entry: Entry, count: int) -> None:
        """Pass an entry to Python's logging and to the listeners, but not entries that they cause themselves."""
        if getattr(_notifying, "now", False):
            return
        _notifying.now = True
        try:
            if entry.level in ("warning", "error") and is_power_of_ten(count):
                self._log(entry, count)
            for listener in (*COMMON_LISTENERS, *self.listeners):
                self._call_listener(listener, entry)
        finally:
            _notifying.now = False

    def _log(self, entry: Entry, count: int) -> None:
        if not self._lines.allows():
            return
        refused = self._lines.take_refused()
        more = f" (and {refused:,} other lines meanwhile)" if refused else ""
        level = logging.ERROR if entry.level == "error" else logging.WARNING
        line = entry.line(count)
        LOGGING.off_loop(lambda: self._log_line(level, line, more))

    def _log_line(self, level: int, line: str, more: str) -> None:
        before, _notifying.now = getattr(_notifying, "now", False), True
        try:
            logger.log(level, "%s%s", line, more)
        except Exception as error:  # from a filter or a handler of the program
            self.exception("a handler of Python's logging", error)
        finally:
            _notifying.now = before

    def _call_listener(self, listener: Callable[[Entry], None], entry: Entry) -> None:
        try:
            listener(entry)
        except Exception as error:
            self.exception("a listener of the journal", error)
            # No listener receives an entry that is written here, so it is logged.
            if self._lines.allows():
                logger.exception("a listener of the journal failed")

    def entries(self, level: Level = "debug", limit: int | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """Return the entries of at least `level` whose details equal `wanted`, the newest first."""
        levels = LEVELS[LEVELS.index(level) :]
        rings = {id(self._rings[each]): self._rings[each] for each in levels}.values()
        newest_first = sorted((entry for ring in rings for entry in _copy(ring)), key=lambda entry: -entry.number)
        found = (entry.as_dict() for entry in newest_first if entry.level in levels)
        return [entry for entry in found if all(entry.get(key) == value for key, value in wanted.items())][:limit]

    def clear(self) -> None:
        """Remove all entries."""
        for ring in self._rings.values():
            ring.clear()
        self._repeated.clear()
        self._families.clear()


# Whether this thread is calling a listener or a logging handler, which may publish, log or fail itself.
_notifying = threading.local()


def _places(error: BaseException) -> tuple[Place | None, Place | None]:
    """Return the line where `error` was raised, and the last line before it that is not in this package."""
    place: Place | None = None
    caller: Place | None = None
    step = traceback_of(error)
    while step is not None:
        place = step.tb_frame.f_code.co_filename, step.tb_lineno
        if not place[0].startswith(_PACKAGE):
            caller = place
        step = step.tb_next
    return place, caller


def _copy(ring: deque[Entry]) -> list[Entry]:
    while True:
        try:
            return list(ring)
        except RuntimeError:  # it changed during the copy
            continue
