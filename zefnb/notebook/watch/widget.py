"""The live table as a widget of the notebook; its JavaScript is in `static/watch`."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from zefnb.core.time import Time
from zefnb.core.uid import generate_uid
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display import html
from zefnb.notebook.display.columns import count_text, in_use
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch.access_token import AccessToken
from zefnb.notebook.watch.control import Control
from zefnb.notebook.watch.feed import Feed, Query
from zefnb.notebook.watch.table import Place, Table
from zefnb.notebook.watch.tables import table_named
from zefnb.notebook.widgets.child_models import close_child_models
from zefnb.text.controls import strip_controls
from zefnb.text.uids import short_uids

_STATIC = Path(__file__).parents[1] / "static" / "watch"
# The files of the JavaScript, which are joined in this order into one module.
_PARTS = ("dom", "format", "proof", "channel", "model", "grid", "frames", "detail", "topics", "overview", "main")
_MOST_SAVED = 50
_EVERY_VIEW = "*"
# Seconds before each offer of the token.
_OFFERS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_LONGEST_NAME = 260
ANYWHERE = Place()


def script() -> str:
    """Return the widget's JavaScript as one module."""
    return "\n".join((_STATIC / f"{part}.js").read_text("utf-8") for part in _PARTS)


def style() -> str:
    """Return the widget's style sheet."""
    return (_STATIC / "watch.css").read_text("utf-8")


class LiveTable(anywidget.AnyWidget):
    """A live table. `watch` creates it, and `close()` ends it."""

    _esm = script()
    _css = style()
    # These traits are saved with the notebook, so they contain no secret: the server, the path and the columns.
    scope = traitlets.Dict().tag(sync=True)
    table = traitlets.Dict().tag(sync=True)

    def __init__(self, runtime: Runtime, name: str = "clients", place: Place = ANYWHERE) -> None:
        self._runtime = runtime
        # A uid, as handles have one: the registry of cells identifies the table by it.
        self._uid = generate_uid()
        self._control = runtime.service(Control)
        self._table: Table[Any] = table_named(name)
        self._place = place
        self._token: AccessToken | None = on_loop(runtime, lambda: self._control.open(name))
        super().__init__(scope=place._asdict(), table=self._table.spec())
        self.on_msg(self._on_message)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        """Handle a view's message through the kernel: in the kernel's thread, which queues the request for the loop."""
        if not isinstance(content, dict) or self._token is None or not self._runtime.is_alive:
            return
        view = str(content.get("view"))
        if content.get("get") == "token":
            self._runtime.call_queue.put(self._admit, view, content.get("host"), content.get("origin"))
        elif isinstance(content.get("request"), str):
            send = partial(self._send_text, view)
            self._runtime.call_queue.put(self._control.handle_request, self._token, view, content["request"], send)

    def _send_text(self, view: str, text: str) -> None:
        self.send({"view": view, "message": text})

    def _admit(self, view: str, host: Any, origin: Any) -> None:
        if all(isinstance(name, str) and 0 < len(name) < _LONGEST_NAME for name in (host, origin)) and origin != "null":
            self._control.allow(host, origin)
        self._give_token(view)

    def _give_token(self, view: str) -> None:
        if self._token is None:
            return
        token = {
            "port": self._control.port,
            "name": self._token.name,
            "secret": self._token.reveal(),
            "base": os.environ.get("JUPYTERHUB_SERVICE_PREFIX", ""),
        }
        # Sent as a message, because a synced trait is saved with the notebook.
        self.send({"view": view, "token": token})

    def _offer(self, number: int = 0) -> None:
        """Offer the token until a view is connected: during a long cell no request of a view arrives."""
        if self._token is None or self._control.has_views(self._token) or number == len(_OFFERS):
            return
        if number:
            self._give_token(_EVERY_VIEW)
        self._runtime.loop.call_later(_OFFERS[number], self._offer, number + 1)

    def close(self) -> None:
        """End every view of this table."""
        token, self._token = getattr(self, "_token", None), None
        if token is not None and self._runtime.is_alive:
            control = self._control
            self._runtime.call_queue.put(lambda: self._runtime.spawn(control.revoke(token), "closing a live table"))
            self._runtime.cells.forget(self)
        close_child_models(self)
        super().close()

    def __repr__(self) -> str:
        return "<a live table of zefnb, closed>" if self._token is None else "<a live table of zefnb>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the live view, and for pages without a kernel the current rows as a plain table."""
        given = super()._repr_mimebundle_(**options)
        data, metadata = given if isinstance(given, tuple) else (given, {})
        rows = []
        if self._runtime.is_alive:
            rows = on_loop(self._runtime, self._rows)
            self._runtime.call_queue.put(self._offer)
        now = {"text/html": saved_html(self._table, rows), "text/plain": saved_text(self._table, rows)}
        return {**(data or {}), **now}, metadata or {}

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
