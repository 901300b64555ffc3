"""The source of rows: one connection, or one topic. The rows of a source share it."""

from __future__ import annotations

from typing import Any, NamedTuple

from zefnb.core.entity import Topic
from zefnb.core.time import time_at
from zefnb.recording.row import Kind, Row

KINDS: tuple[Kind, ...] = ("connected", "message", "disconnected", "published")
CONNECTED, MESSAGE, DISCONNECTED, PUBLISHED = range(4)


class Source(NamedTuple):
    """The fields that the rows of a connection or a topic have in common.

    `number` identifies the source in its recording, and `state` is the state of the connection's actor before its first
    recorded message.
    """

    number: int
    topic: Topic | None
    channel_id: int | None = None
    path: str | None = None
    user: Any = None
    has_actor: bool = False
    state: Any = None


# A row as it is kept in memory: the time in nanoseconds, the index of the kind, the source, and the content.
Entry = tuple[int, int, Source, Any]


def row_of(entry: Entry) -> Row:
    """Return the row of an entry."""
    ns, kind, source, content = entry
    return Row(time_at(ns), KINDS[kind], source.topic, source.channel_id, source.path, source.user, content)
