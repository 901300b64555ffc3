"""`%zef`: everything that runs."""

from __future__ import annotations

from typing import Any

from zefnb.core.rows import Rows
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.display import html
from zefnb.notebook.display.columns import count_text
from zefnb.notebook.links.links import public_url

_SECTIONS = (
    "servers",
    "endpoints",
    "presence",
    "topics",
    "actors",
    "timers",
    "replays",
    "databases",
    "outward",
    "cluster",
)


class Overview(dict[str, Any]):
    """Everything that runs, as plain values, with a list of dicts for each kind. It displays itself."""

    __slots__ = ()

    @property
    def summary(self) -> str:
        """Return the counts in one line."""
        faults = f", {count_text(self['faults'], 'fault')} (%zef faults)" if self["faults"] else ""
        parts = [count_text(len(self[kind]), kind.removesuffix("s")) for kind in ("servers", "topics", "actors")]
        clients = count_text(sum(row["clients"] for row in self["endpoints"]), "client")
        nodes = [f"a cluster with {count_text(row['nodes'], 'node')}" for row in self["cluster"]]
        return ", ".join([parts[0], clients, *parts[1:], *nodes]) + faults

    def _repr_html_(self) -> str:
        from zefnb.notebook.display import tables

        parts: list[Any] = [html.tag("div", html.tag("b", "zefnb"), " · ", self.summary)]
        for kind in _SECTIONS:
            rows = self[kind]
            if not rows:
                continue
            grid = tables.grid(rows)
            link = grid.titles.index("url") if "url" in grid.titles else -1
            cells = [[html.address(c) if n == link and c else c for n, c in enumerate(row)] for row in grid.rows]
            parts += [html.tag("div", kind, cls="d"), html.table(grid.titles, cells, grid.numbers)]
        return html.page(*parts)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        import shutil
        import sys

        from zefnb.core.execution import interactive_shell
        from zefnb.notebook.display.display import plain_text

        kernel = getattr(interactive_shell(), "kernel", None) is not None
        colour = not kernel and sys.stdout.isatty()
        width = 120 if kernel else shutil.get_terminal_size().columns
        lines = [f"zefnb: {self.summary}"]
        for kind in _SECTIONS:
            if self[kind]:
                lines += [
                    f"{kind}",
                    plain_text(self[kind], colour=colour, width=width) or "",
                ]
        printer.text("\n".join(lines))


def overview() -> Overview:
    """Return everything that runs."""
    from zefnb.notebook import overview as collected

    facts = collected.on_loop(runtime := default_runtime(), lambda: collected.overview(runtime))
    found = Overview(faults=facts["faults"])
    found["servers"] = Rows("running servers", map(_server, facts["servers"]))
    found["endpoints"] = Rows(
        "endpoints",
        (
            {
                "port": server["port"],
                "path": endpoint["path"],
                "mode": endpoint["mode"],
                "clients": endpoint["clients"],
                "accepted": endpoint["accepted"],
                "url": _url(server, endpoint),
            }
            for server in facts["servers"]
            for endpoint in server["endpoints"]
        ),
    )
    for kind in ("presence", "topics", "actors", "timers", "replays", "databases", "outward", "cluster"):
        found[kind] = Rows(kind, map(_presented, facts[kind]))
    return found


def _url(server: dict[str, Any], endpoint: dict[str, Any]) -> str:
    from zefnb.core.entity import ET

    handle = ET.HTTPServer(server["uid"], port=server["port"])
    return str(public_url(handle, endpoint["path"], websocket=endpoint["mode"] != "page"))


def _server(facts: dict[str, Any]) -> dict[str, Any]:
    from zefnb.core.entity import ET

    handle = ET.HTTPServer(facts["uid"], port=facts["port"])
    return {
        "port": facts["port"],
        "url": str(public_url(handle)),
        "routes": facts["routes"],
        "clients": facts["clients"],
        "refused": facts["refused"],
        "started": _time(facts["started"]),
    }


def _presented(facts: dict[str, Any]) -> dict[str, Any]:
    shown = dict(facts)
    if "next" in shown:
        shown["next"] = _time(shown["next"])
    return shown


def _time(seconds: float) -> Any:
    from datetime import UTC, datetime

    from zefnb.core.time import Time

    return Time(datetime.fromtimestamp(seconds, UTC))
