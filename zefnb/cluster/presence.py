"""Presence across nodes: the clients of all nodes, by their presence topic.

A join and a leave are events in the log, in one order with the messages of the room. Each node reads them, keeps the
same table of clients, and delivers them to its own subscribers. When a node leaves or dies, every node reads that at
the same place of the log, and delivers a leave for each client of that node. A node announces all of its clients when
another one joins, and when its events may have been lost; so a table that has become wrong is mended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from zefnb.cluster.incoming import Incoming
from zefnb.cluster.nodes import Nodes
from zefnb.cluster.outgoing import Outgoing
from zefnb.cluster.sharing import Sharing
from zefnb.core.entity import ET, Entity
from zefnb.core.snapshot import snapshot
from zefnb.core.time import Time
from zefnb.engine.runtime import Runtime
from zefnb.errors import ClusterUnavailable
from zefnb.net.websocket.presence import Presence, row_of
from zefnb.topics.hub import Hub

# The most clients in one event.
_PART = 200
NODE_LEFT = "its node has left the cluster"
LEAVE_LOST = "it has left, but the broker has lost when and why"
_ABNORMAL = 1006

_FIELDS = frozenset({"id", "channel_id", "client_ip", "path", "query_params", "http_server", "time"})


class PresentNode(Protocol):
    """The local node, as presence uses it."""

    name: str
    incarnation: str
    sharing: Sharing
    nodes: Nodes
    outgoing: Outgoing
    incoming: Incoming


class _Client:
    """A client of any node."""

    __slots__ = ("is_away", "joined", "topic")

    def __init__(self, topic: str, joined: Entity, is_away: bool) -> None:
        self.topic, self.joined, self.is_away = topic, joined, is_away


class ClusterPresence:
    """The clients of all nodes, used on the loop only."""

    def __init__(self, runtime: Runtime, node: PresentNode) -> None:
        self._hub = runtime.service(Hub)
        self._presence = runtime.service(Presence)
        self._node = node
        self.name = node.name
        # By the incarnation of the node, then by the id of the client.
        self._clients: dict[str, dict[str, _Client]] = {}
        # The clients that a node has announced so far, of all its clients.
        self._announced: dict[str, set[str]] = {}
        # The own joins and leaves that this node has not read back.
        self._unread: deque[tuple[str, Entity]] = deque()
        # An announcement was refused: all clients are announced when there is capacity.
        self._is_behind = False

    def begin(self) -> None:
        """Publish presence to all nodes from now on."""
        self._clients[self._node.incarnation] = {client.joined.id: client for client in self._own()}
        handlers = self._node.incoming.handlers
        handlers.update({"client joined": self._joined, "client left": self._left})
        handlers.update({"client away": self._away, "clients": self._all})
        self._presence.other_nodes = self
        self.announce_all()

    def end(self) -> None:
        """Publish presence in this process only. The clients of the other nodes leave."""
        if self._presence.other_nodes is not self:
            return
        self._presence.other_nodes = None
        for topic, message in self._unread:
            self._hub.publish(ET.Topic(topic), message)
        for incarnation in list(self._clients):
            if incarnation != self._node.incarnation:
                self.node_left(incarnation, Time.now())

    def _own(self) -> list[_Client]:
        """The clients of this node whose topic is shared."""
        return [
            _Client(topic._uid or "", member.joined, member.is_away)
            for topic in self._presence.topics()
            if self._is_shared(topic)
            for member in self._presence.members(topic)
        ]

    def _is_shared(self, topic: Entity) -> bool:
        return self._node.sharing[topic._uid or ""] is not None

    def publish(self, topic: Entity, message: Entity) -> bool:
        """Publish a join or a leave to all nodes. Returns false if the topic is not shared."""
        if not self._is_shared(topic):
            return False
        key = topic._uid or ""
        self._unread.append((key, message))
        name = "client left" if type(message) is ET.ClientLeft else "client joined"
        self._announce(name, {"topic": key, "message": message})
        return True

    def away_changed(self, topic: Entity, id: str, is_away: bool) -> None:
        """Announce that a client has lost its connection, or has come back."""
        if self._is_shared(topic):
            self._announce("client away", {"id": id, "away": is_away})

    def announce_all(self) -> None:
        """Announce all clients of this node."""
        self._is_behind = False
        clients = [(client.topic, client.joined, client.is_away) for client in self._own()]
        for begin in range(0, len(clients) or 1, _PART):
            part, is_last = clients[begin : begin + _PART], begin + _PART >= len(clients)
            self._announce("clients", {"clients": part, "first": not begin, "last": is_last})

    def catch_up(self) -> None:
        """Announce all clients if an announcement was refused."""
        if self._is_behind:
            self.announce_all()

    def _announce(self, event: str, value: Any) -> None:
        try:
            self._node.outgoing.announce(event, value)
        except ClusterUnavailable:
            self._is_behind = True

    def _known(self, publisher: str) -> dict[str, _Client] | None:
        """The clients of a node; `None` if it has left, and announces all of them when it is back."""
        node = self._node.nodes.get(publisher)
        if publisher != self._node.incarnation and (node is None or node.left is not None):
            return None
        return self._clients.setdefault(publisher, {})

    def _joined(self, publisher: str, value: Any) -> None:
        topic, joined = _checked(value["topic"], value["message"], ET.ClientJoined)
        self._has_read(publisher, joined)
        clients = self._known(publisher)
        if clients is not None:
            self._add(clients, _Client(topic, joined, False))

    def _add(self, clients: dict[str, _Client], client: _Client) -> None:
        is_new = client.joined.id not in clients
        clients[client.joined.id] = client
        if is_new:
            self._deliver(client.topic, client.joined)

    def _left(self, publisher: str, value: Any) -> None:
        topic, left = _checked(value["topic"], value["message"], ET.ClientLeft)
        self._has_read(publisher, left)
        clients = self._known(publisher)
        if clients is not None and clients.pop(left.id, None) is not None:
            self._deliver(topic, left)

    def _has_read(self, publisher: str, message: Entity) -> None:
        """Forget an own event, and those before it, which have been lost."""
        if publisher != self._node.incarnation:
            return
        own = (type(message), message.id)
        if any((type(each), each.id) == own for _, each in self._unread):
            while (type(self._unread[0][1]), self._unread[0][1].id) != own:
                self._unread.popleft()
            self._unread.popleft()

    def _away(self, publisher: str, value: Any) -> None:
        clients = self._known(publisher)
        if clients is not None and value["id"] in clients:
            clients[value["id"]].is_away = value["away"] is True

    def _all(self, publisher: str, value: Any) -> None:
        """A node has announced all of its clients, in one or several parts."""
        clients = self._known(publisher)
        if clients is None:
            return
        if value["first"]:
            self._announced[publisher] = set()
        announced = self._announced.get(publisher)
        for given, message, is_away in value["clients"]:
            topic, joined = _checked(given, message, ET.ClientJoined)
            self._add(clients, _Client(topic, joined, is_away is True))
            if announced is not None:
                announced.add(joined.id)
        if value["last"] and announced is not None:
            del self._announced[publisher]
            self._remove(clients, clients.keys() - announced, Time.now(), LEAVE_LOST)

    def node_left(self, incarnation: str, at: Time) -> None:
        """A node has left or died: deliver a leave for each of its clients."""
        self._announced.pop(incarnation, None)
        clients = self._clients.pop(incarnation, {})
        self._remove(clients, clients.keys(), at, NODE_LEFT)

    def _remove(self, clients: dict[str, _Client], ids: Any, at: Time, reason: str) -> None:
        for id in [id for id in clients if id in ids]:
            client = clients.pop(id)
            fields = {name: value for name, value in client.joined.__dict__.items() if name != "time"}
            since = client.joined.time
            self._deliver(
                client.topic,
                ET.ClientLeft(**fields, since=since, time=at, close_code=_ABNORMAL, reason=reason),
            )

    def _deliver(self, topic: str, message: Entity) -> None:
        self._node.incoming.deliver(topic, snapshot(message))

    def rows(self, topic: Entity) -> Iterator[dict[str, Any]]:
        """Yield a row for each client of the other nodes."""
        key = topic._uid or ""
        for incarnation, clients in self._clients.items():
            if incarnation == self._node.incarnation:
                continue
            name = self._node.nodes.name(incarnation)
            for client in clients.values():
                if client.topic == key:
                    yield {"node": name, **row_of(client.joined, client.is_away)}


def _checked(topic: Any, message: Any, kind: Any) -> tuple[str, Entity]:
    """Return the parts of an event, which may come from anyone. Raises `ValueError` if they are not valid."""
    if type(topic) is not str or type(message) is not kind or not message.__dict__.keys() >= _FIELDS:
        raise ValueError("it is not a join or a leave")
    if type(message.id) is not str or type(message.query_params) is not dict:
        raise ValueError("its fields are not valid")
    return topic, message
