"""`watch`: who is connected, live; a widget in a notebook, tables in a terminal until Ctrl-C."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zefnb.core.effect import FX
from zefnb.core.entity import Entity
from zefnb.core.execution import interactive_shell, thing_key
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.engine.things import current_identity
from zefnb.errors import Fault, InvalidValue, shown
from zefnb.net.server import Servers
from zefnb.notebook.board import board, on_loop
from zefnb.notebook.tables import clients_table
from zefnb.notebook.text import harmless

_EVERY = 0.25


def watch(server: Any = None, path: str | None = None) -> Any:
    """Who is connected, live: every server, or one (its handle or port), or one of its WebSocket routes.

    In a notebook, a table that sorts, searches and goes on while a cell is busy; select a client to see
    its last frames and its actor's state, to send to it or to close it. Running the cell again replaces
    it. In a terminal, the same as tables until Ctrl-C.
    """
    runtime = default_runtime()
    uid = on_loop(runtime, lambda: _uid_of(runtime, server))
    if path is not None and not (isinstance(path, str) and path.startswith("/")):
        raise InvalidValue("watch", [Fault("path", f"got {shown(path)}", "a route, such as '/ws'")])
    path = path.rstrip("/") or "/" if path is not None else None
    if getattr(interactive_shell(), "kernel", None) is None:
        return watch_terminal(runtime, uid, path)
    return _widget(runtime, uid, path)


def _uid_of(runtime: Runtime, server: Any) -> str | None:
    servers = runtime.service(Servers)
    if server is None:
        return None
    if isinstance(server, int):
        found = next((running for running in servers if running.port == server), None)
        if found is None:
            ports = ", ".join(str(running.port) for running in servers) or "none runs"
            raise InvalidValue("watch", [Fault("server", f"no server of ours listens on port {server}", ports)])
        return str(found.handle._uid)
    if not isinstance(server, Entity):
        raise InvalidValue("watch", [Fault("server", f"got {shown(server)}", "a server's handle or its port")])
    return str(servers.get(server).handle._uid)


def _widget(runtime: Runtime, uid: str | None, path: str | None) -> Any:
    try:
        from zefnb.notebook.widget import LiveTable
    except ImportError as error:
        raise ImportError(f"a live table needs {error.name}; pip install 'zefnb[lab]'", name=error.name) from None
    table = LiveTable(runtime, uid, path)
    identity = current_identity.set(thing_key("live table"))
    try:
        old = runtime.things.predecessor()
        runtime.things.record(table)
    finally:
        current_identity.reset(identity)
    if old is not None:
        old.close()
        print("replaced the live table that this cell showed before")
    return table


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
    facts = board(runtime)
    width, height = console.size.width, console.size.height
    parts: list[Any] = [_headline(facts)]
    servers = [server for server in runtime.service(Servers) if uid in (None, server.handle._uid)]
    room = max(3, (height - 6 - 5 * len(servers)) // max(1, len(servers)))
    for server in servers:
        rows = perform(runtime, FX.QueryAllConnectedWebsocketClients(http_server=server.handle))
        rows = [row for row in rows if path in (None, row["path"])]
        paths = "  ".join(f"{harmless(e.path, 40)} {len(e.clients)}" for e in server.endpoints.values())
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
        table.add_row(Text(harmless(topic["name"], 40)), f"{topic['subscribers']:,}", f"{topic['published']:,}", rate)
    return table
