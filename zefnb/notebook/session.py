"""A session: one live view in a browser, what it asks for and what it is told.

It does not know how its words travel: over the control channel's socket, or through the kernel.
"""

from __future__ import annotations

import base64
import inspect
import json
import pprint
import time
from collections.abc import Awaitable, Callable
from typing import Any

import zefnb.effects  # noqa: F401 - declares the effects that a person's actions are made of
from zefnb.core.effect import FX
from zefnb.core.entity import ET
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.errors import Fault, InvalidValue, NotRunning, ZefError, shown
from zefnb.net.servers import Servers
from zefnb.notebook.feed import COLUMNS, MOST_ROWS, Clients, Query, Row, View
from zefnb.notebook.taps import Tail, Tap, look_at, look_away
from zefnb.topics.hub import WATCH, Hub, topic_key

Answer = dict[str, Any]

_LONGEST_STATE = 100_000
_LONGEST_SEARCH = 200
_STATE_EVERY = 1.0


class Session:
    """Answers requests, and pushes what has changed whenever the ticker says so. Lives on the loop."""

    def __init__(self, runtime: Runtime, clients: Clients, tell: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._clients = clients
        self._tell = tell
        self._view = View()
        self._detail: Detail | None = None
        self._tail: Tail | None = None
        self._told_board: dict[str, Any] = {}
        self._looks = False
        self.rests = False

    # What it asks

    def handle(self, text: str | bytes) -> None:
        """Take one request, a JSON object whose `do` names it, and answer when it has an `id`."""
        number = None
        try:
            request = _parsed(text)
            number = request.get("id")
            action = _ACTIONS.get(str(request.get("do")))
            if action is None:
                raise InvalidValue("request", f"do: got {shown(request.get('do'))}; allowed: {', '.join(_ACTIONS)}")
            answer = action(self, request)
        except Exception as error:
            return self._done(number, error, "")
        if inspect.isawaitable(answer):
            self._runtime.spawn(self._finish(number, answer), "an action in a live table")
        else:
            self._done(number, None, answer or "")

    async def _finish(self, number: Any, coming: Awaitable[Any]) -> None:
        try:
            text = await coming
        except Exception as error:
            self._done(number, error, "")
        else:
            self._done(number, None, text)

    def _done(self, number: Any, error: BaseException | None, text: str) -> None:
        if number is None and error is None:
            return
        if error is not None:
            # Our own errors are written for people; any other says its type too.
            text = str(error) if isinstance(error, ZefError) else f"{type(error).__name__}: {error}"
        self.say({"t": "done", "id": number, "ok": error is None, "text": text})

    def say(self, message: Answer) -> None:
        """Send one message to the view."""
        # Escaped: a lone half of a surrogate pair, which a state may hold, has no UTF-8.
        self._tell(json.dumps(message, separators=(",", ":")))

    def _look(self, request: Answer) -> None:
        view, old = self._view, self._view.query
        query = Query(
            server=_optional_text(request, "server", old.server),
            path=_optional_text(request, "path", old.path),
            search=str(request.get("search", old.search))[:_LONGEST_SEARCH],
            sort=str(request.get("sort", old.sort)),
            descending=bool(request.get("descending", old.descending)),
        )
        if query.sort not in COLUMNS:
            raise InvalidValue("look", [Fault("sort", f"got {shown(query.sort)}", ", ".join(COLUMNS))])
        limit = _whole(request, "limit", view.limit, 1, MOST_ROWS)
        view.offset = _whole(request, "offset", view.offset, 0, 1 << 31)
        view.query, view.limit = query, limit
        if not self._looks:
            self._looks = True
            self._clients.refresh()
        self._push_table()

    def _again(self, request: Answer) -> None:
        self._view.forget()
        self._told_board = {}
        if self._looks:
            self._push_table()

    def _rest(self, request: Answer) -> None:
        self.rests = bool(request.get("rest", True))

    def _select(self, request: Answer) -> None:
        self._look_away()
        key = request.get("client")
        if key is not None:
            self._detail = Detail(self._runtime, self._row(key))
            self.push_detail()

    def _row(self, key: Any) -> Row:
        row = self._clients.find(str(key))
        if row is None:
            raise NotRunning("this client is not connected any more")
        return row

    def _send(self, request: Answer) -> str:
        row = self._row(request.get("client"))
        row.connection.deliver(_content(request))
        return f"sent to client {row.connection.channel_id}"

    def _close(self, request: Answer) -> str:
        row = self._row(request.get("client"))
        channel = row.connection.channel_id
        code = _whole(request, "code", 1000, 0, 65_535)
        server = row.connection.endpoint.server
        reason = str(request.get("reason", ""))
        perform(
            self._runtime,
            FX.CloseWebSocketConnection(http_server=server, channel_id=channel, code=code, reason=reason),
        )
        return f"closed client {channel} with {code}"

    def _publish(self, request: Answer) -> str:
        topic = ET.Topic(request.get("topic"))
        listening = len(self._runtime.service(Hub).subscribers(topic))
        perform(self._runtime, FX.Publish(target=topic, content=_content(request)))
        return f"published to {topic._uid}" if listening else f"published to {topic._uid}, where nobody listens"

    def _follow(self, request: Answer) -> str:
        self._end_tail()
        name = request.get("topic")
        if name is None:
            return ""
        self._tail = Tail(ET.Topic(name))
        topic_key(self._tail.topic)
        self._runtime.service(Hub).subscribe(self._tail.topic, self._tail, WATCH)
        return f"following {name}"

    async def _stop(self, request: Answer) -> str:
        server = next((s for s in self._runtime.service(Servers) if s.handle._uid == request.get("server")), None)
        if server is None:
            raise NotRunning("this server does not run any more")
        await perform(self._runtime, FX.StopHTTPServer(server=server.handle))
        return f"stopped the server on port {server.port}"

    # What it is told

    def push(self, board: dict[str, Any]) -> bool:
        """Tell what has changed since the last time; answers whether anything did."""
        news = {key: value for key, value in board.items() if self._told_board.get(key) != value}
        if news:
            self._told_board = board
            self.say({"t": "board", **news})
        table = self._push_table() if self._looks else False
        detail = self.push_detail()
        tail = self._tail.take() if self._tail is not None else None
        if tail is not None:
            self.say(tail)
        return bool(news) or table or detail or tail is not None

    def _push_table(self) -> bool:
        message = self._view.message(self._clients)
        if message is not None:
            self.say(message)
        return message is not None

    def push_detail(self) -> bool:
        """Tell what is new of the client that is looked at."""
        message = self._detail.message() if self._detail is not None else None
        if message is not None:
            self.say(message)
        return message is not None

    # Its end

    def _look_away(self) -> None:
        if self._detail is not None:
            self._detail.close()
            self._detail = None

    def _end_tail(self) -> None:
        if self._tail is not None:
            self._runtime.service(Hub).unsubscribe(self._tail.topic, self._tail)
            self._tail = None

    def close(self) -> None:
        """Nobody looks any more: let go of everything."""
        self._look_away()
        self._end_tail()
        self._looks = False


class Detail:
    """One client that somebody looks at closely."""

    def __init__(self, runtime: Runtime, row: Row) -> None:
        self._runtime = runtime
        self._row = row
        self._tap: Tap | None = look_at(row.connection)
        self._told_frame = 0
        self._told_facts: Answer = {}
        self._state: str | None = None
        self._told_state: str | None = None
        self._read: Any = None
        self._read_at = 0.0
        self._reading = False
        self._pause = 0.0

    def message(self) -> Answer | None:
        """What is new; `None` when nothing is."""
        if self._tap is None:
            return None
        connection = self._row.connection
        frames = self._tap.since(self._told_frame)
        if frames:
            self._told_frame = frames[-1]["n"]
        facts = self._facts()
        self._read_state()
        message: Answer = {}
        if frames:
            message["frames"] = frames
        if facts != self._told_facts:
            message["facts"] = self._told_facts = facts
        if self._state != self._told_state:
            message["state"] = self._told_state = self._state
        if not connection.is_open:
            self.close()
        return {"t": "client", "client": self._row.key, **message} if message else None

    def _facts(self) -> Answer:
        c = self._row.connection
        actor = c.actor
        return {
            "open": c.is_open,
            "host": c.host,
            "ignored": c.ignored,
            "close_code": None if c.is_open else c.close_code,
            "actor": _actor_facts(actor) if actor is not None else None,
        }

    def _read_state(self) -> None:
        """Have the state written out, in a handlers' thread: a user's `repr` may take its time."""
        actor = self._row.connection.actor
        now = time.monotonic()
        if actor is None or self._reading:
            return
        if actor.state is self._read and now - self._read_at < max(_STATE_EVERY, self._pause):
            return
        self._reading = True
        self._read, self._read_at = actor.state, now
        self._runtime.runner.submit(self._state_read, _written_out, actor.state)

    def _state_read(self, text: Any, error: BaseException | None) -> None:
        self._reading = False
        # A state that takes long to write is read again only after a while.
        self._pause = 20 * (time.monotonic() - self._read_at)
        self._state = str(text) if error is None else f"its repr raises {type(error).__name__}: {error}"

    def close(self) -> None:
        """Stop looking."""
        if self._tap is not None:
            look_away(self._tap)
            self._tap = None


def _actor_facts(actor: Any) -> Answer:
    return {"handled": actor.handled, "waiting": len(actor.mailbox), "faults": actor.faults}


def _written_out(state: Any) -> str:
    text = pprint.pformat(state, width=100, sort_dicts=False)
    return text if len(text) <= _LONGEST_STATE else text[:_LONGEST_STATE] + "\n… cut"


def _parsed(text: str | bytes) -> Answer:
    request = json.loads(text)
    if not isinstance(request, dict):
        raise InvalidValue("request", f"got {shown(request)}; allowed: a JSON object")
    return request


def _optional_text(request: Answer, field: str, old: str | None) -> str | None:
    value = request.get(field, old)
    return None if value is None else str(value)


def _whole(request: Answer, field: str, old: int, least: int, most: int) -> int:
    value = request.get(field, old)
    if type(value) is not int or not least <= value <= most:
        raise InvalidValue("request", [Fault(field, f"got {shown(value)}", f"a whole number from {least} to {most}")])
    return value


def _content(request: Answer) -> Any:
    """What a person wrote into a box, as they said it is meant: text, JSON, hex or base64."""
    given, kind = str(request.get("content", "")), request.get("as", "text")
    try:
        if kind == "text":
            return given
        if kind == "json":
            return json.loads(given)
        if kind == "hex":
            return bytes.fromhex(given)
        if kind == "base64":
            return base64.b64decode(given, validate=True)
    except ValueError as error:
        raise InvalidValue("content", f"this is not {kind}: {error}") from None
    raise InvalidValue("content", [Fault("as", f"got {shown(kind)}", "text, json, hex or base64")])


_ACTIONS: dict[str, Callable[[Session, Answer], Any]] = {
    "look": Session._look,
    "again": Session._again,
    "rest": Session._rest,
    "select": Session._select,
    "send": Session._send,
    "close": Session._close,
    "publish": Session._publish,
    "follow": Session._follow,
    "stop": Session._stop,
    # A view that asks through the kernel: that it asks is what counts.
    "poll": lambda session, request: None,
}
