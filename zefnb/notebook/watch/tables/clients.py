"""The table of the clients that are connected to the servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zefnb.core.effect import FX
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.net.http.event_connection import EventConnection
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.taps import attach_tap, detach_tap
from zefnb.notebook.display.columns import Column, user_text
from zefnb.notebook.overview import brief
from zefnb.notebook.watch.requests import Request, content_of, whole_number
from zefnb.notebook.watch.table import Action, Box, Frame, Place, RowDetails, Table
from zefnb.notebook.watch.tables.actors import actor_facts

_MANY_BYTES = 65_536

Client = Connection | EventConnection


def _port(client: Client) -> int:
    port: int = client.endpoint.server.port
    return port


def _user(client: Client) -> str:
    return user_text(client.visitor.user) if client.visitor is not None else ""


def _presence(client: Any) -> str:
    # The route of an event stream has none.
    topic = getattr(getattr(client.endpoint, "config", None), "presence", None)
    return "" if topic is None else topic._uid or ""


class ClientDetails(RowDetails):
    """The details of a client: its frames, its facts, and its actor's state."""

    def __init__(self, client: Connection) -> None:
        self._client = client
        self._tap = attach_tap(client)
        self._last_sent = 0
        self.actor = client.actor
        self.hint = "frames are stored while the client is selected"
        if client.received or client.sent:
            self.hint += f"; {client.received:,} were received and {client.sent:,} sent before"

    def frames(self) -> tuple[list[Frame], int]:
        frames = self._tap.since(self._last_sent)
        if frames:
            self._last_sent = frames[-1]["n"]
        return frames, 0

    def facts(self) -> Sequence[str]:
        client = self._client
        facts = [] if client.is_open else [f"closed with {client.close_code}"]
        facts += [f"host {client.host}"] if client.host else []
        return [*facts, *(actor_facts(client.actor) if client.actor is not None else ())]

    @property
    def is_open(self) -> bool:
        return self._client.is_open

    def close(self) -> None:
        detach_tap(self._tap)


class StreamDetails(RowDetails):
    """The details of a client of an event stream: its facts. It has no frames."""

    def __init__(self, client: EventConnection) -> None:
        self._client = client
        self.hint = "an event stream: the table of its topics shows its messages"

    def facts(self) -> Sequence[str]:
        client = self._client
        facts = ["event stream"] if client.is_open else ["event stream, ended"]
        return [*facts, *([f"host {client.host}"] if client.host else ())]

    @property
    def is_open(self) -> bool:
        return self._client.is_open


def _send(runtime: Runtime, client: Client, request: Request) -> str:
    client.deliver(content_of(request))
    return f"sent to client {client.channel_id}"


def _close(runtime: Runtime, client: Client, request: Request) -> str:
    code = whole_number(request, "code", 1000, 0, 65_535)
    perform(
        runtime,
        FX.CloseWebSocketConnection(
            http_server=client.endpoint.server,
            channel_id=client.channel_id,
            code=code,
            reason=str(request.get("reason", "")),
        ),
    )
    return f"closed client {client.channel_id} with {code}"


class Clients(Table[Client]):
    """The table of the connected clients."""

    noun = "client"
    empty = "no client is connected"
    by_server = has_frames = has_state = True
    sort = "channel_id"
    columns = (
        Column("server", "server", "port", _port, fixed=True, width=56, keep=4, if_different=True),
        Column(
            "channel_id", "id", "id", fixed=True, width=44, keep=12, order=lambda row: (_port(row), row.channel_id)
        ),
        Column("node", "node", of=lambda row: "", fixed=True, width=76, widest=24, keep=11, optional=True),
        Column("client_ip", "address", fixed=True, width=84, keep=7),
        Column("user", "user", "user", _user, fixed=True, width=76, grow=1, widest=24, keep=8, optional=True),
        Column("path", "path", fixed=True, width=76, grow=1, widest=16, keep=11),
        Column(
            "presence", "presence", "uid", _presence, fixed=True, width=76, grow=1, widest=16, keep=3, optional=True
        ),
        Column("origin", "page of", fixed=True, width=100, grow=2, widest=32, keep=1, optional=True),
        Column("connect_time", "since", "time", fixed=True, width=60, keep=4),
        Column("sent", "out", "number", width=60, keep=10),
        Column("received", "in", "number", width=52, keep=10),
        Column("rate", "per second", "rate", lambda row: row.received + row.sent, width=108, keep=9),
        Column("queued", "queued", "size", width=62, keep=8, highlight_above=_MANY_BYTES),
        Column("dropped", "drops", "number", width=44, keep=5, highlight_above=0, optional=True),
        Column("ignored", "ignored", "number", width=52, keep=2, optional=True),
        Column("round_trip", "round trip", "duration", width=72, keep=3),
        Column("state", "state", "code", width=110, grow=3, keep=6, optional=True,
               of=lambda row: brief(row.actor.state) if row.actor is not None else ""),
    )  # fmt: skip
    actions = (
        Action("send", "Send", _send, (Box("content", "Message", "content", "message to this client"),)),
        Action(
            "close",
            "Close client",
            _close,
            (Box("code", "Close code", "number", value=1000), Box("reason", "Reason", hint="reason")),
            question="Really close?",
        ),
    )

    def groups(self, runtime: Runtime) -> Iterator[tuple[Place, Any]]:
        for server in runtime.service(Servers):
            by_path: dict[str, list[Client]] = {}
            for client in server.clients():
                by_path.setdefault(client.endpoint.path, []).append(client)
            for path, clients in by_path.items():
                yield Place(server.place, path), clients

    def title(self, row: Client) -> str:
        return f"Client {row.channel_id} of {row.path}"

    def is_there(self, row: Client) -> bool:
        return row.is_open

    def details(self, runtime: Runtime, row: Client) -> RowDetails:
        return StreamDetails(row) if isinstance(row, EventConnection) else ClientDetails(row)


TABLE = Clients()
