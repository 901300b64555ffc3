"""The table of the outward clients: the connections of this process to other servers."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zefnb.core.effect import FX
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import Column
from zefnb.notebook.watch.requests import Request
from zefnb.notebook.watch.table import Action, Table

if TYPE_CHECKING:
    from zefnb.net.client.client import Client


async def _stop(runtime: Runtime, client: Client, request: Request) -> str:
    await perform(runtime, FX.StopWebSocketClient(client=client.handle))
    return f"stopped the client of {client.target.shown}"


class Outward(Table["Client"]):
    """The table of the outward clients, including those that are reconnecting."""

    noun = "outward client"
    empty = "there is no outward client"
    columns = (
        Column("url", "url", "text", lambda row: row.target.shown, fixed=True, width=180, grow=3, keep=10),
        Column("state", "state", "text", lambda row: row.describe()["state"], width=84, keep=9),
        Column("since", "since", "time", width=60, keep=5),
        Column("sent", "out", "number", width=60, keep=8),
        Column("received", "in", "number", width=60, keep=8),
        Column("rate", "per second", "rate", lambda row: row.sent + row.received, width=108, keep=6),
        Column("queued", "queued", "number", lambda row: len(row.send_queue), width=60, keep=7, highlight_above=1_000),
        Column("dropped", "drops", "number", lambda row: row.send_queue.dropped, width=48, keep=4, highlight_above=0),
        Column("attempts", "attempts", "number", width=66, keep=3),
    )
    actions = (Action("stop", "Stop client", _stop, question="Really stop?"),)

    def rows(self, runtime: Runtime) -> Iterable[Client]:
        # Without this module there is no outward client.
        module = sys.modules.get("zefnb.net.client.clients")
        return () if module is None else runtime.service(module.Clients)

    def title(self, row: Client) -> str:
        return f"Client of {row.target.shown}"


TABLE = Outward()
