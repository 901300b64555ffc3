"""The states that the parts of a page show, bounded in number and in bytes."""

from __future__ import annotations

import json
import time
from collections import deque
from typing import Any

from zefnb.core.entity import ET
from zefnb.core.wire import encode_json, to_json_text
from zefnb.net.page.values import cell, content_of, fields, number

# The most labels that `ET.Bars` counts. Further ones are counted together.
MOST_LABELS = 100
# The most columns of `ET.Table` that are found in its rows.
MOST_COLUMNS = 30
# Bytes of the items of one part. The newest item is in any case among them.
ITEMS_LIMIT = 1 << 20
_FURTHER = "…"


class Counts:
    """How often each value has occurred, in the order of first occurrence."""

    appends = False

    def __init__(self, field: str | None) -> None:
        self._field = field
        self._counts: dict[str, int] = {}

    def add(self, content: Any, _: int) -> Any:
        """Count a value: text, a number or a bool."""
        content = content_of(content)
        value = content if self._field is None else fields(content).get(self._field)
        if not isinstance(value, str | int | float):
            return None
        label = str(cell(value))[:100]
        if label not in self._counts and len(self._counts) >= MOST_LABELS:
            label = _FURTHER
        self._counts[label] = self._counts.get(label, 0) + 1
        return True

    def snapshot(self) -> Any:
        return list(self._counts.items())


class Latest:
    """The last value."""

    appends = False

    def __init__(self, field: str | None) -> None:
        self._field = field
        self._value: Any = None

    def add(self, content: Any, _: int) -> Any:
        content = content_of(content)
        if self._field is not None:
            found = fields(content)
            if self._field not in found:
                return None
            content = found[self._field]
        self._value = cell(content)
        return True

    def snapshot(self) -> Any:
        return self._value


class Recent:
    """The last items, at most `last`. A subclass makes an item of a message."""

    appends = True

    def __init__(self, last: int) -> None:
        self._last = last
        self._items: deque[tuple[Any, int]] = deque()
        self._bytes = 0

    def add(self, content: Any, number: int) -> Any:
        item = self.item(content, number)
        if item is None:
            return None
        size = len(to_json_text(item, "null"))
        self._items.append((item, size))
        self._bytes += size
        while len(self._items) > self._last or (self._bytes > ITEMS_LIMIT and len(self._items) > 1):
            self._bytes -= self._items.popleft()[1]
        return item

    def snapshot(self) -> Any:
        return [item for item, _ in self._items]

    def item(self, content: Any, number: int) -> Any:
        """The item for a message; `None` for none."""
        raise NotImplementedError


class Points(Recent):
    """Points of a chart: the time in seconds, or the value of field `x`, and a number for each line."""

    def __init__(self, last: int, x: str | None, y: tuple[str, ...]) -> None:
        super().__init__(last)
        self._x, self._y = x, y

    def item(self, content: Any, _: int) -> Any:
        content = content_of(content)
        found = fields(content)
        at = time.time() if self._x is None else number(found.get(self._x))
        values = [number(found.get(name)) for name in self._y] if self._y else [number(content)]
        return None if at is None or all(value is None for value in values) else [at, *values]


class Rows(Recent):
    """Rows of a table, each with its fields as text or numbers."""

    def __init__(self, last: int, columns: tuple[str, ...]) -> None:
        super().__init__(last)
        self._columns = columns

    def item(self, content: Any, _: int) -> Any:
        content = content_of(content)
        found = fields(content) or {"value": content}
        names = self._columns or list(found)[:MOST_COLUMNS]
        return {str(cell(name)): cell(found[name]) for name in names if name in found} or None


class Talk(Recent):
    """Messages of a chat, each with a name and a text."""

    def item(self, content: Any, _: int) -> Any:
        user = fields(content).get("user") if type(content) is ET.Sent else None
        content = content_of(content)
        found = fields(content)
        written = found.get("text") if found else content
        if written is None:
            return None
        name = found.get("name") or (fields(user).get("name") if user else None)
        return [str(cell(name or "")), str(cell(written))]


class Messages(Recent):
    """Messages for a part of the program: each with the number of its topic."""

    def item(self, content: Any, number: int) -> Any:
        written = encode_json(content, "null")
        # Read from its JSON, so that nothing is shared with the program.
        return [number, json.loads(written)] if len(written) <= ITEMS_LIMIT else None
