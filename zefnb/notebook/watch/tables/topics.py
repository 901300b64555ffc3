"""The table of the topics with subscribers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from zefnb.core.effect import FX
from zefnb.core.entity import Entity
from zefnb.engine.perform import perform
from zefnb.engine.runtime import Runtime
from zefnb.net.websocket.taps import Tail
from zefnb.notebook.display.columns import Column
from zefnb.notebook.overview import subscriber_count, user_topics
from zefnb.notebook.watch.requests import Request, content_of
from zefnb.notebook.watch.table import Action, Box, Frame, RowDetails, Table
from zefnb.topics.hub import WATCH, Hub, TopicState


class TopicDetails(RowDetails):
    """The details of a topic: its messages, while the row is selected."""

    hint = "messages are stored while the topic is selected"

    def __init__(self, hub: Hub, topic: Entity) -> None:
        self._hub = hub
        self._topic = topic
        self._tail = Tail(topic)
        hub.subscribe(topic, self._tail, WATCH)

    def frames(self) -> tuple[list[Frame], int]:
        return self._tail.take()

    def close(self) -> None:
        self._hub.unsubscribe(self._topic, self._tail)


def _publish(runtime: Runtime, row: TopicState, request: Request) -> str:
    perform(runtime, FX.Publish(target=row.topic, content=content_of(request)))
    return f"published to {row.topic._uid}"


def _delete(runtime: Runtime, row: TopicState, request: Request) -> str:
    perform(runtime, FX.DeleteTopic(topic=row.topic))
    return f"ended every subscription to {row.topic._uid}"


class Topics(Table[TopicState]):
    """The table of the topics with subscribers."""

    noun = "topic"
    empty = "no topic has subscribers"
    has_frames = True
    columns = (
        Column("name", "topic", "uid", lambda row: row.topic._uid, fixed=True, width=160, grow=3, keep=10),
        Column("subscribers", "subscribers", "number", subscriber_count, width=84, keep=9),
        Column("published", "published", "number", width=76, keep=8),
        Column("rate", "per second", "rate", lambda row: row.published, width=108, keep=7),
    )
    actions = (
        Action("publish", "Publish", _publish, (Box("content", "Message", "content", "message to this topic"),)),
        Action("delete", "Delete topic", _delete, question="Really end all subscriptions?"),
    )

    def rows(self, runtime: Runtime) -> Iterable[TopicState]:
        return user_topics(runtime)

    def key(self, row: TopicState) -> Hashable:
        return row.topic._uid

    def title(self, row: TopicState) -> str:
        return f"Topic {row.topic._uid}"

    def details(self, runtime: Runtime, row: TopicState) -> RowDetails:
        return TopicDetails(runtime.service(Hub), row.topic)


TABLE = Topics()
