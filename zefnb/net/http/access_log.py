"""The access log: one row for each request, of servers that were started with `logging=True`."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

from zefnb.core.entity import Entity
from zefnb.core.time import Time
from zefnb.engine.entry import LEVELS, Level, example_text
from zefnb.engine.runtime import Runtime
from zefnb.engine.side_thread import LOGGING

CAPACITY = 1_000

logger = logging.getLogger("zefnb.access")


@dataclass(slots=True)
class Access:
    """One request and its response, or the end of one WebSocket connection.

    `status` is the status of the response, or the close code at the end of a WebSocket (`method` is 'CLOSE'); `None`
    when the client left before. `seconds` is the duration. `path` is without its query, which may hold secrets; `path`
    and `method` are '' when the request could not be read. `channel_id` belongs to a WebSocket.
    """

    kind: ClassVar[str] = "access"

    server: Entity
    client_ip: str
    method: str
    path: str
    status: int | None
    seconds: float | None = None
    channel_id: int | None = None
    time: Time = field(default_factory=Time.now)
    number: int = field(default_factory=itertools.count().__next__)

    def __post_init__(self) -> None:
        # Any peer chooses these texts.
        self.method, self.path = example_text(self.method), example_text(self.path)

    @property
    def level(self) -> Level:
        """'error' for a failure of the server, 'warning' for a refused request, else 'info'."""
        status = self.status or 0
        return "error" if 500 <= status < 600 or status == 1011 else "warning" if 400 <= status < 500 else "info"

    @property
    def line(self) -> str:
        """The row as one line of a log."""
        seconds = "" if self.seconds is None else f" {self.seconds * 1000:.1f} ms"
        channel = "" if self.channel_id is None else f" client {self.channel_id}"
        return f'{self.client_ip} "{self.method} {self.path}" {self.status or "-"}{seconds}{channel}'

    def as_dict(self) -> dict[str, Any]:
        """The row as `FX.QueryLog(kind='access')` shows it."""
        names = ("server", "client_ip", "method", "path", "status", "seconds", "channel_id")
        plain = {name: getattr(self, name) for name in names}
        return {"kind": self.kind, "time": self.time, "level": self.level, **plain}


class AccessLog:
    """The latest `CAPACITY` requests: a service of the runtime. Written on the loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._rows: deque[Access] = deque(maxlen=CAPACITY)
        self._journal = runtime.journal

    def note(
        self,
        server: Entity,
        client_ip: str,
        method: str,
        path: str,
        status: int | None,
        seconds: float | None = None,
        channel_id: int | None = None,
    ) -> None:
        """Add a row, and pass it to Python's logging as a line of `zefnb.access`."""
        row = Access(server, client_ip, method, path, status, seconds, channel_id)
        self._rows.append(row)
        level: int = getattr(logging, row.level.upper())
        if logger.isEnabledFor(level) and not LOGGING.off_loop(lambda: _emit(level, row.line)):
            text = "a request was not logged by 'zefnb.access', since a handler of Python's logging takes long"
            self._journal.note("warning", text, key="requests that were not logged")

    def rows(self) -> list[Access]:
        """The rows, the newest first."""
        return list(reversed(self._rows))

    def clear(self) -> None:
        """Delete all rows."""
        self._rows.clear()

    def query(self, min_level: Level, limit: int | None, **criteria: Any) -> list[dict[str, Any]]:
        """The rows of at least this level whose keys equal `criteria`, as dicts, the newest first."""
        levels = LEVELS[LEVELS.index(min_level) :]
        found = (row.as_dict() for row in self.rows() if row.level in levels)
        return [row for row in found if all(row.get(key) == value for key, value in criteria.items())][:limit]


def _emit(level: int, line: str) -> None:
    try:
        logger.log(level, "%s", line)
    except Exception:  # the error of a user's filter or handler, which the journal's own lines report
        return
