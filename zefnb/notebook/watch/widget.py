"""The live table as a widget of the notebook; its JavaScript is in `static/watch`."""

from __future__ import annotations

from typing import Any

import traitlets

from zefnb.core.time import Time
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display import html
from zefnb.notebook.display.columns import count_text, in_use
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch.feed import Feed, Query
from zefnb.notebook.watch.live_widget import CHANNEL_PARTS, STATIC, LiveWidget, joined
from zefnb.notebook.watch.table import Place, Table
from zefnb.notebook.watch.tables import table_named
from zefnb.text.controls import strip_controls
from zefnb.text.uids import short_uids

_PARTS = ("model", "grid", "frames", "detail", "topics", "overview", "main")
_MOST_SAVED = 50
ANYWHERE = Place()


def script() -> str:
    """Return the widget's JavaScript as one module."""
    return joined(*CHANNEL_PARTS, *(f"watch/{part}" for part in _PARTS))


def style() -> str:
    """Return the widget's style sheet."""
    return (STATIC / "watch" / "watch.css").read_text("utf-8")


class LiveTable(LiveWidget):
    """A live table. `watch` creates it, and `close()` ends it."""

    noun = "live table"
    _esm = script()
    _css = style()
    # These traits are saved with the notebook, so they contain no secret: the server, the path and the columns.
    scope = traitlets.Dict().tag(sync=True)
    table = traitlets.Dict().tag(sync=True)

    def __init__(self, runtime: Runtime, name: str = "clients", place: Place = ANYWHERE) -> None:
        self._table: Table[Any] = table_named(name)
        self._place = place
        super().__init__(runtime, name, scope=place._asdict(), table=self._table.spec())

    def _saved(self) -> dict[str, str]:
        """Return the current rows as a plain table."""
        rows = on_loop(self._runtime, self._rows) if self._runtime.is_alive else []
        return {"text/html": saved_html(self._table, rows), "text/plain": saved_text(self._table, rows)}

    def _rows(self) -> list[list[Any]]:
        feed = Feed(self._runtime, self._table)
        feed.refresh()
        return [feed.values(row) for row in feed.ordered(Query(*self._place))]


def _drawn(table: Table[Any], rows: list[list[Any]]) -> tuple[list[str], list[list[str]], frozenset[int]]:
    """Return the titles, the rows of texts, and the numbers of the columns that are aligned to the right."""
    shown = rows[:_MOST_SAVED]
    # A rate needs samples over a longer time.
    there = [n for n in in_use(table.columns, shown) if table.columns[n].reads != "rate"]
    columns = [table.columns[n] for n in there]
    texts = [[_shown(c.text(row[n])) for n, c in zip(there, columns, strict=True)] for row in shown]
    return [c.title for c in columns], texts, frozenset(n for n, c in enumerate(columns) if c.reading.right)


def _shown(text: str) -> str:
    return short_uids(strip_controls(text, 120))


def _headline(table: Table[Any], rows: list[list[Any]]) -> str:
    return f"{count_text(len(rows), table.noun)}, as of {Time.now().to_datetime():%d %B %Y %H:%M:%S} UTC"


def saved_html(table: Table[Any], rows: list[list[Any]]) -> str:
    """Return the rows as a plain table without a script, for a saved notebook."""
    head = html.tag("div", html.tag("b", "zefnb"), " · ", _headline(table, rows))
    more = [html.tag("div", f"and {len(rows) - _MOST_SAVED:,} more", cls="d")] if len(rows) > _MOST_SAVED else []
    return html.page(head, html.table(*_drawn(table, rows)), *more)


def saved_text(table: Table[Any], rows: list[list[Any]]) -> str:
    """Return the rows as plain text, for a saved notebook."""
    titles, texts, _ = _drawn(table, rows)
    lines = [titles, *texts]
    widths = [max(len(line[n]) for line in lines) for n in range(len(titles))]
    drawn = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([f"zefnb · {_headline(table, rows)}", *(drawn if rows else [])])
