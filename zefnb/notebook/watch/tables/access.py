"""Access: the latest requests to servers that were started with `logging=True`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from zefnb.engine.runtime import Runtime
from zefnb.net.http.access_log import Access, AccessLog
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.table import Table


class AccessRows(Table[Access]):
    """The table of the access log, the newest request first."""

    noun = "request"
    empty = "no request yet to a server that was started with logging=True"
    columns = (
        Column("time", "time", "time", fixed=True, width=60, keep=8, order=lambda row: -row.number),
        Column("server", "server", "value", fixed=True, width=140, keep=2, if_different=True),
        Column("client_ip", "address", fixed=True, width=84, keep=5),
        Column("method", "method", fixed=True, width=60, keep=9),
        Column("path", "path", fixed=True, width=140, grow=3, keep=10),
        Column("status", "status", "id", fixed=True, width=52, keep=11),
        Column("seconds", "took", "duration", fixed=True, width=72, keep=6),
        Column("channel_id", "client", "id", fixed=True, width=48, keep=3, optional=True),
    )

    def rows(self, runtime: Runtime) -> Iterable[Access]:
        return runtime.service(AccessLog).rows()

    def key(self, row: Access) -> Hashable:
        return row.number

    def title(self, row: Access) -> str:
        return f"{row.method} {row.path}"


TABLE = AccessRows()
