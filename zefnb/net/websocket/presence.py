"""Presence: the clients of the routes with `presence=`, by its topic, to which their joins and leaves are published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from zefnb.core.entity import ET, Entity
from zefnb.core.time import Time
from zefnb.core.uid import generate_uid
from zefnb.engine.runtime import Runtime
from zefnb.net.ports import Topics
from zefnb.net.websocket.page_port import Client
from zefnb.net.websocket.session import Session

# Seconds in which the actor of a disconnected client can finish its last messages before the leave is published.
LEAVE_TIMEOUT = 5.0
ROUTE_CHANGED = "its route has another presence topic, or none"


class OtherNodes(Protocol):
    """The cluster, as presence uses it."""

    name: str

    def publish(self, topic: Entity, message: Entity) -> bool:
        """Publish a join or a leave to all nodes. Returns false if the topic is not shared."""

    def away_changed(self, topic: Entity, id: str, is_away: bool) -> None:
        """Announce that a client has lost its connection, or has come back."""

    def rows(self, topic: Entity) -> Iterable[dict[str, Any]]:
        """Return a row for each client of the other nodes."""


class Member:
    """A client, from its join to its leave."""

    __slots__ = ("client", "joined", "left", "running", "timer", "topic", "topics")

    def __init__(self, topics: Topics, topic: Entity, client: Client, joined: Entity) -> None:
        self.topics, self.topic, self.client = topics, topic, client
        # The published join, with the server and the channel id of now.
        self.joined = joined
        # The actors of the client that have not ended: its messages may not be complete.
        self.running = 0
        # The leave, which is published once they have ended.
        self.left: Entity | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def is_away(self) -> bool:
        """Whether the client has lost its connection, and can come back."""
        return isinstance(self.client, Session) and self.client.connection is None

    @property
    def row(self) -> dict[str, Any]:
        """The client as a row of `FX.QueryPresence`."""
        return row_of(self.joined, self.is_away)


def row_of(joined: Entity, is_away: bool = False) -> dict[str, Any]:
    """Return the row of `FX.QueryPresence` for the client of an `ET.ClientJoined`."""
    fields = joined.__dict__
    user = {"user": fields["user"] and dict(fields["user"])} if "user" in fields else {}
    return {
        **user,
        "id": fields["id"],
        "channel_id": fields["channel_id"],
        "client_ip": fields["client_ip"],
        "since": fields["time"],
        "path": fields["path"],
        "path_params": dict(fields.get("path_params", {})),
        "query_params": dict(fields["query_params"]),
        "origin": fields.get("origin"),
        "http_server": fields["http_server"],
        "away": is_away,
    }


class Presence:
    """The present clients of all servers: a service of the runtime, used on the loop only.

    A join is published after the client has subscribed to its topics and before its first message, and a leave after
    its last message, each once. Both go through the hub, so that they have a place in the order of all topics.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._loop = runtime.loop
        self._members: dict[Client, Member] = {}
        self._by_topic: dict[str, dict[Client, Member]] = {}
        # The cluster, while this process has joined one.
        self.other_nodes: OtherNodes | None = None

    def join(self, topics: Topics, topic: Entity, client: Client, server: Entity, path_params: dict[str, str]) -> bool:
        """Publish the join of a client that is not present yet. Returns false if a subscriber has closed it at once."""
        member = self._members.get(client)
        if member is not None and member.topic == topic:
            member.joined = _joined(client, server, path_params, member.joined.id)
            return True
        if member is not None:
            member.left = _left(member, ROUTE_CHANGED)
            self._forget(member)
        joined = _joined(client, server, path_params, generate_uid())
        member = Member(topics, topic, client, joined)
        self._members[client] = self._by_topic.setdefault(_key(topic), {})[client] = member
        self._publish(member, joined)
        return member.left is None and client in self._members

    def actor_started(self, client: Client) -> None:
        """An actor handles the messages of this client."""
        if client in self._members:
            self._members[client].running += 1

    def actor_ended(self, client: Client) -> None:
        """It has handled all of them."""
        member = self._members.get(client)
        if member is not None:
            member.running -= 1
            if member.left is not None and not member.running:
                self._forget(member)

    def leave(self, client: Client, reason: str = "") -> None:
        """Publish the leave of a disconnected client, once its actor has ended."""
        member = self._members.get(client)
        if member is None or member.left is not None:
            return
        member.left = _left(member, reason or client.close_reason)
        if member.running:
            member.timer = self._loop.call_later(LEAVE_TIMEOUT, self._forget, member)
        else:
            self._forget(member)

    def leave_route(self, client: Client) -> None:
        """Publish the leave of a client that stays connected: its route has another presence topic now, or none."""
        self.leave(client, ROUTE_CHANGED)

    def _forget(self, member: Member) -> None:
        """Publish the leave: the client is present no longer."""
        if member.timer is not None:
            member.timer.cancel()
        del self._members[member.client]
        present = self._by_topic[_key(member.topic)]
        del present[member.client]
        if not present:
            del self._by_topic[_key(member.topic)]
        self._publish(member, member.left)

    def _publish(self, member: Member, message: Entity | None) -> None:
        if self.other_nodes is None or message is None or not self.other_nodes.publish(member.topic, message):
            member.topics.publish(member.topic, message)

    def away_changed(self, client: Client) -> None:
        """A client has lost its connection, or has come back."""
        member = self._members.get(client)
        if member is not None and self.other_nodes is not None:
            self.other_nodes.away_changed(member.topic, member.joined.id, member.is_away)

    def topics(self) -> list[Entity]:
        """Return the topics with clients in this process."""
        return [next(iter(present.values())).topic for present in self._by_topic.values()]

    def members(self, topic: Entity) -> list[Member]:
        """Return the clients in this process, in the order in which they joined."""
        return list(self._by_topic.get(_key(topic), {}).values())

    def rows(self, topic: Entity) -> Iterator[dict[str, Any]]:
        """Yield a row for each client: first those of this process."""
        others = self.other_nodes
        for member in self.members(topic):
            yield member.row if others is None else {"node": others.name, **member.row}
        if others is not None:
            yield from others.rows(topic)


def _key(topic: Entity) -> str:
    return topic._uid or ""


def _joined(client: Client, server: Entity, path_params: dict[str, str], id: str) -> Entity:
    parameters = {"path_params": dict(path_params)} if path_params else {}
    joined: Entity = ET.ClientJoined(
        id=id,
        channel_id=client.channel_id,
        client_ip=client.client_ip,
        path=client.path,
        query_params=dict(client.query_params),
        **parameters,
        **_user_and_origin(client),
        http_server=server,
        time=client.connect_time,
    )
    return joined


def _left(member: Member, reason: str) -> Entity:
    fields = {name: value for name, value in member.joined.__dict__.items() if name != "time"}
    code = member.client.close_code
    left: Entity = ET.ClientLeft(**fields, since=member.joined.time, time=Time.now(), close_code=code, reason=reason)
    return left


def _user_and_origin(client: Client) -> dict[str, Any]:
    user = {} if client.visitor is None else {"user": client.visitor.user}
    return user if client.origin is None else {**user, "origin": client.origin}
