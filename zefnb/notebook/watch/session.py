"""The session of a live table: one view, its requests and the messages to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import zefnb.effects  # noqa: F401 - declares the effects that the actions of users perform
from zefnb.core.effect import FX
from zefnb.core.entity import ET
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.errors import FieldError, InvalidValue, NotRunning, shown
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.taps import Tail
from zefnb.notebook.watch.detail import Detail
from zefnb.notebook.watch.feed import MOST_ROWS, Feed, Query, Row, View
from zefnb.notebook.watch.live_session import LiveSession
from zefnb.notebook.watch.requests import Request, content_of, optional_text, whole_number
from zefnb.notebook.watch.tables.servers import stop_server
from zefnb.topics.hub import WATCH, Hub, topic_key

_LONGEST_SEARCH = 200


class Session(LiveSession):
    """Handles requests, and sends the changes at each tick of the control channel. Only the loop uses it."""

    def __init__(self, runtime: Runtime, feed: Feed, send: Callable[[str], None]) -> None:
        super().__init__(runtime, send)
        self._feed = feed
        self._view = View()
        self._detail: Detail | None = None
        self._tail: Tail | None = None
        self._sent_overview: dict[str, Any] = {}
        self._has_window = False
        self.is_paused = False

    @property
    def has_window(self) -> bool:
        """Whether the view has requested its window."""
        return self._has_window

    @property
    def wants_ticks(self) -> bool:
        """Whether the view is visible."""
        return not self.is_paused

    # Requests of the view

    def _set_window(self, request: Request) -> None:
        view, old = self._view, self._view.query
        query = Query(
            server=optional_text(request, "server", old.server),
            path=optional_text(request, "path", old.path),
            search=str(request.get("search", old.search))[:_LONGEST_SEARCH],
            sort=str(request.get("sort", old.sort)),
            descending=bool(request.get("descending", old.descending)),
        )
        names = [column.name for column in self._feed.table.columns]
        if query.sort and query.sort not in names:
            raise InvalidValue("window", [FieldError("sort", f"got {shown(query.sort)}", ", ".join(names))])
        limit = whole_number(request, "limit", view.limit, 1, MOST_ROWS)
        view.offset = whole_number(request, "offset", view.offset, 0, 1 << 31)
        view.query, view.limit = query, limit
        if not self._has_window:
            self._has_window = True
            self._feed.refresh()
        self._push_table()

    def _resend(self, request: Request) -> None:
        self._view.forget()
        self._sent_overview = {}
        if self._has_window:
            self._push_table()

    def _pause(self, request: Request) -> None:
        self.is_paused = bool(request.get("paused", True))

    def _select(self, request: Request) -> None:
        self._close_detail()
        key = request.get("row")
        if key is not None:
            self._detail = Detail(self._runtime, self._feed.table, self._row(key))
            self.push_detail()

    def _row(self, key: Any) -> Row:
        row = self._feed.find(str(key))
        if row is None:
            raise NotRunning(f"this {self._feed.table.noun} does not exist any more")
        return row

    def _act(self, request: Request) -> str | Awaitable[str]:
        """Perform one of the table's actions on a row."""
        row, name = self._row(request.get("row")), request.get("action")
        actions = self._feed.table.actions
        action = next((action for action in actions if action.name == name), None)
        if action is None:
            allowed = ", ".join(action.name for action in actions)
            raise InvalidValue("request", [FieldError("action", f"got {shown(name)}", allowed)])
        return action.do(self._runtime, row.source, request)

    def _publish(self, request: Request) -> str:
        topic = ET.Topic(request.get("topic"))
        listening = len(self._runtime.service(Hub).subscribers(topic))
        perform(self._runtime, FX.Publish(target=topic, content=content_of(request)))
        return f"published to {topic._uid}" if listening else f"published to {topic._uid}, which has no subscribers"

    def _follow(self, request: Request) -> str:
        self._end_tail()
        name = request.get("topic")
        if name is None:
            return ""
        self._tail = Tail(ET.Topic(name))
        topic_key(self._tail.topic)
        self._runtime.service(Hub).subscribe(self._tail.topic, self._tail, WATCH)
        return f"following {name}"

    async def _stop(self, request: Request) -> str:
        server = self._runtime.service(Servers).at(request.get("server"))
        if server is None:
            raise NotRunning("this server has stopped")
        return await stop_server(self._runtime, server, request)

    # Messages to the view

    def push(self, overview: dict[str, Any]) -> bool:
        """Send the changes since the last call. Return whether there were any."""
        news = {key: value for key, value in overview.items() if self._sent_overview.get(key) != value}
        if news:
            self._sent_overview = overview
            self.send({"t": "overview", **news})
        table = self._push_table() if self._has_window else False
        detail = self.push_detail()
        tail = self._push_tail()
        return bool(news) or table or detail or tail

    def _push_tail(self) -> bool:
        items, skipped = self._tail.take() if self._tail is not None else ([], 0)
        if self._tail is not None and items:
            self.send({"t": "tail", "topic": self._tail.topic._uid, "items": items, "skipped": skipped})
        return bool(items)

    def _push_table(self) -> bool:
        message = self._view.message(self._feed)
        if message is not None:
            self.send(message)
        return message is not None

    def push_detail(self) -> bool:
        """Send the changes of the selected row. Return whether there were any."""
        message = self._detail.message() if self._detail is not None else None
        if message is not None:
            self.send(message)
        return message is not None

    # The end of the view

    def _close_detail(self) -> None:
        if self._detail is not None:
            self._detail.close()
            self._detail = None

    def _end_tail(self) -> None:
        if self._tail is not None:
            self._runtime.service(Hub).unsubscribe(self._tail.topic, self._tail)
            self._tail = None

    def close(self) -> None:
        """End the taps and subscriptions of the view."""
        self._close_detail()
        self._end_tail()
        self._has_window = False

    actions: ClassVar[Mapping[str, Callable[[Any, Request], Any]]] = {
        "window": _set_window,
        "resend": _resend,
        "pause": _pause,
        "select": _select,
        "act": _act,
        "publish": _publish,
        "follow": _follow,
        "stop": _stop,
        # A view that uses the kernel's channel polls to stay registered. The request has no other effect.
        "poll": lambda session, request: None,
    }
