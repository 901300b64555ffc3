"""A live table in a terminal, which is drawn again and again until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from zefnb.engine.runtime import Runtime
from zefnb.net.http.servers import Servers
from zefnb.notebook.display.columns import count_text
from zefnb.notebook.display.tables import drawn
from zefnb.notebook.overview import on_loop, overview
from zefnb.notebook.watch.feed import Feed, Query
from zefnb.notebook.watch.table import Place
from zefnb.notebook.watch.tables import table_named
from zefnb.text.controls import strip_controls

_REFRESH_INTERVAL = 0.25
# The lines of the headline, the head of the table and the prompt.
_AROUND = 6


def watch_terminal(runtime: Runtime, name: str, place: Place, console: Console | None = None) -> None:
    """Draw the table of that name until Ctrl-C, or once if the output is not a terminal."""
    console = console or Console()
    feeds = [Feed(runtime, table_named(name))]
    if name == "clients":
        feeds.append(Feed(runtime, table_named("topics")))

    draw_until_ctrl_c(lambda: on_loop(runtime, lambda: _picture(runtime, feeds, place, console)), console)


def draw_until_ctrl_c(make: Callable[[], Any], console: Console, interval: float = _REFRESH_INTERVAL) -> None:
    """Draw what `make` returns, again and again until Ctrl-C, or once if the output is not a terminal."""
    if not console.is_terminal or not sys.stdout.isatty():
        console.print(make())
        return
    with Live(make(), console=console, auto_refresh=False, transient=False) as live:
        try:
            while True:
                time.sleep(interval)
                live.update(make(), refresh=True)
        except KeyboardInterrupt:
            return


def _picture(runtime: Runtime, feeds: list[Feed], place: Place, console: Console) -> Group:
    """Return the current picture. Must run on the loop."""
    width, height = console.size.width, console.size.height
    parts: list[Any] = [_headline(overview(runtime))]
    first, *others = feeds
    if first.table.by_server:
        parts += [_server(server) for server in runtime.service(Servers) if place.server in (None, server.place)]
    # The table of topics below gets a fifth of the height.
    heights = [max(3, height // 5) for _ in others]
    parts.append(_table(first, Query(*place), width, max(3, height - _AROUND - len(parts) - sum(heights))))
    for feed, most_lines in zip(others, heights, strict=True):
        table = _table(feed, Query(), width, most_lines)
        parts += [table] if len(feed) else []
    return Group(*parts)


def _table(feed: Feed, query: Query, width: int, most_lines: int) -> Any:
    feed.refresh()
    rows = [feed.values(row) for row in feed.ordered(query)]
    if not rows:
        return Text(feed.table.empty, "dim")
    return drawn(feed.table.columns, rows, width=width, limit=most_lines)


def _server(server: Any) -> Text:
    paths = "  ".join(f"{strip_controls(e.path, 40)} {len(e.clients)}" for e in server.endpoints.values())
    return Text.assemble((f":{server.port}", "bold cyan"), "  ", (paths, "dim"))


def _headline(facts: dict[str, Any]) -> Text:
    counts = (count_text(len(facts["servers"]), "server"), count_text(facts["clients"], "client"))
    text = Text.assemble(("zefnb", "bold"), "  ", "  ".join(counts))
    for joined in facts["cluster"]:
        text.append(f"  cluster {joined['name']}: {count_text(joined['nodes'], 'node')}")
        if joined["problem"]:
            text.append(f", the broker is not available; {count_text(joined['waiting'], 'message')} wait", "red")
    if facts["faults"]:
        text.append(f"  {count_text(facts['faults'], 'fault')}, see FX.QueryLog(level='error')", "red")
    return text
