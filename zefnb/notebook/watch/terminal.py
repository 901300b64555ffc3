"""The live table in a terminal: rich tables, drawn until Ctrl-C."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zefnb.core.effect import FX
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.net.http.servers import Servers
from zefnb.notebook.display.tables import clients_table
from zefnb.notebook.overview import on_loop, overview
from zefnb.text.controls import strip_controls

_EVERY = 0.25


def watch_terminal(runtime: Runtime, uid: str | None, path: str | None, console: Console | None = None) -> None:
    """Draw the tables until Ctrl-C; once where the output is no terminal."""
    console = console or Console()

    def picture() -> Any:
        return on_loop(runtime, lambda: _picture(runtime, uid, path, console))

    if not console.is_terminal or not sys.stdout.isatty():
        console.print(picture())
        return
    with Live(picture(), console=console, auto_refresh=False, transient=False) as live:
        try:
            while True:
                time.sleep(_EVERY)
                live.update(picture(), refresh=True)
        except KeyboardInterrupt:
            return


def _picture(runtime: Runtime, uid: str | None, path: str | None, console: Console) -> Group:
    """Everything to be drawn now, on the loop."""
    facts = overview(runtime)
    width, height = console.size.width, console.size.height
    parts: list[Any] = [_headline(facts)]
    servers = [server for server in runtime.service(Servers) if uid in (None, server.handle._uid)]
    room = max(3, (height - 6 - 5 * len(servers)) // max(1, len(servers)))
    for server in servers:
        rows = perform(runtime, FX.QueryAllConnectedWebsocketClients(http_server=server.handle))
        rows = [row for row in rows if path in (None, row["path"])]
        paths = "  ".join(f"{strip_controls(e.path, 40)} {len(e.clients)}" for e in server.endpoints.values())
        parts.append(Text.assemble((f":{server.port}", "bold cyan"), "  ", (paths, "dim")))
        parts.append(clients_table(rows, width=width, limit=room))
    if facts["topics"]:
        parts.append(_topics(facts["topics"][: max(3, height // 5)]))
    return Group(*parts)


def _headline(facts: dict[str, Any]) -> Text:
    servers, clients, faults = len(facts["servers"]), facts["clients"], facts["faults"]
    text = Text.assemble(
        ("zefnb", "bold"),
        f"  {servers} server{'' if servers == 1 else 's'}  {clients:,} client{'' if clients == 1 else 's'}",
    )
    if faults:
        text.append(f"  {faults:,} fault{'' if faults == 1 else 's'}, see FX.QueryLog(level='error')", "red")
    return text


def _topics(topics: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("topic", style="cyan")
    for title in ("subscribers", "published", "per second"):
        table.add_column(title, justify="right")
    for topic in topics:
        rate = "–" if topic["rate"] is None else f"{topic['rate']:,.1f}"
        table.add_row(
            Text(strip_controls(topic["name"], 40)), f"{topic['subscribers']:,}", f"{topic['published']:,}", rate
        )
    return table
