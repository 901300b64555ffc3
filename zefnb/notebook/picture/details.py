"""The details of a selected box: those of the live tables where there is one, and its errors and clients."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice
from typing import Any

from zefnb.core.effect import FX
from zefnb.core.entity import Entity
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.errors import UnknownKey
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import Endpoint
from zefnb.notebook.display.columns import Column, user_text
from zefnb.notebook.picture.diagram import Node
from zefnb.notebook.watch.detail import Detail
from zefnb.notebook.watch.feed import Row
from zefnb.notebook.watch.requests import Request
from zefnb.notebook.watch.table import Action, RowDetails, Table
from zefnb.notebook.watch.tables import table_named, table_names
from zefnb.notebook.watch.tables.actors import actor_facts
from zefnb.notebook.watch.tables.topics import TopicDetails
from zefnb.store.dict_database import DictDatabase
from zefnb.topics.hub import Hub
from zefnb.topics.subscriptions import Listener

# The clients of a route that the details list.
MOST_MEMBERS = 50
_MOST_KEYS = 50


class _Boxes(Table[Any]):
    """Things with details that no live table has. Nothing reads their columns."""

    columns = (Column("name", "name"),)

    def rows(self, runtime: Runtime) -> Iterable[Any]:
        return ()

    def key(self, row: Any) -> Hashable:
        return id(row)

    def title(self, row: Any) -> str:
        return ""


class _Plain(_Boxes):
    noun = "box"


class _Routes(_Boxes):
    noun = "route"


class _OpDetails(RowDetails):
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def facts(self) -> Sequence[str]:
        return actor_facts(self._listener)

    @property
    def is_open(self) -> bool:
        return not self._listener.ended


def _unsubscribe(runtime: Runtime, listener: Listener, request: Request) -> str:
    perform(runtime, FX.Unsubscribe(subscription=listener.handle))
    return f"ended the subscription to {listener.topic._uid}"


class _Ops(_Boxes):
    noun = "subscription"
    actions = (Action("stop", "Unsubscribe", _unsubscribe, question="Really end it?"),)

    def details(self, runtime: Runtime, row: Listener) -> RowDetails:
        return _OpDetails(row)


class _Unheard(_Boxes):
    """Topics without subscribers."""

    noun = "topic"
    has_frames = True

    def details(self, runtime: Runtime, row: Entity) -> RowDetails:
        return TopicDetails(runtime.service(Hub), row)


class _DatabaseDetails(RowDetails):
    def __init__(self, uid: str, store: Any) -> None:
        self._uid, self._store = uid, store
        self.contents = self._read

    def _read(self) -> dict[Any, Any]:
        database, found = DictDatabase(self._uid), {}
        for key in islice(self._store.keys(_MOST_KEYS), _MOST_KEYS):
            try:
                found[key] = database[key]
            except UnknownKey:  # removed meanwhile
                continue
        return found

    def facts(self) -> Sequence[str]:
        more = len(self._store) - _MOST_KEYS
        return [f"{more:,} more keys are not shown"] if more > 0 else []


class _Databases(_Boxes):
    noun = "database"
    has_state = True

    def details(self, runtime: Runtime, row: Any) -> RowDetails:
        return _DatabaseDetails(*row)


_TABLES: dict[str, Table[Any]] = {
    "": _Plain(),
    "path": _Routes(),
    "op": _Ops(),
    "unheard": _Unheard(),
    "database": _Databases(),
}


def table_of(name: str) -> Table[Any]:
    """Return the table that has the details of a box: one of this file, or a live table."""
    return _TABLES[name] if name in _TABLES else table_named(name)


class Selected:
    """The selection of a view: a box, or one client of the box of a route."""

    def __init__(self, runtime: Runtime, node: Node, client: Connection | None) -> None:
        self.node = node
        self.table = table_of("clients" if client is not None else node.table)
        self.row = Row(client or node.source, node.id, [], "", 0)
        self._is_client = client is not None
        self._detail = Detail(runtime, self.table, self.row)
        self._facts: list[str] = []
        self._sent: dict[str, Any] = {}
        self._first: dict[str, Any] = {
            "spec": {**self.table.spec(), "columns": []},
            "client": client.channel_id if client is not None else None,
        }

    def shows(self, node: Node) -> bool:
        """Whether the box is still the box of the same thing. Its cell may have run again."""
        return self._is_client or (node.table == self.node.table and _identity(node) == _identity(self.node))

    def message(self, node: Node | None, errors: Callable[[Node], list[dict[str, Any]]]) -> dict[str, Any] | None:
        """Return the changes since the last message, or `None` if there are none.

        `node` is `None` when the box is no longer drawn.
        """
        message = {**self._first, **(self._detail.message() or {})}
        self._first = {}
        self._facts = message.pop("facts", self._facts)
        now: dict[str, Any] = {"facts": self._facts}
        if node is not None and not self._is_client:
            title = f"{node.kind} {node.name}"
            now = {"title": title, "facts": [*(self._facts or node.facts), *node.notes], "errors": errors(node)}
            now |= {"members": _members(node.source)} if isinstance(node.source, Endpoint) else {}
        elif node is None:
            now["open"] = False
        message |= {name: value for name, value in now.items() if self._sent.get(name) != value}
        self._sent |= now
        if not message.keys() - {"t", "row"}:
            return None
        return {**message, "t": "row", "row": self.node.id}

    def close(self) -> None:
        """Release the resources of the details."""
        self._detail.close()


def _identity(node: Node) -> object:
    source = node.source
    if isinstance(source, tuple):
        return source[0]
    return source._uid if isinstance(source, Entity) else id(source)


def client_of(node: Node, channel_id: int) -> Connection | None:
    """Return a client of the route of a box."""
    return node.source.clients.get(channel_id) if isinstance(node.source, Endpoint) else None


def _members(endpoint: Endpoint) -> dict[str, Any]:
    shown = [[client.channel_id, _member(client)] for client in islice(endpoint.clients.values(), MOST_MEMBERS)]
    return {"clients": shown, "total": len(endpoint.clients)}


def _member(client: Connection) -> str:
    user = user_text(client.visitor.user) if client.visitor is not None else ""
    return f"{client.channel_id} {user or client.client_ip}"


assert not _TABLES.keys() & set(table_names())
