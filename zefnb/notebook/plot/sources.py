"""The sources of a chart: the messages of a topic, or the figures of a server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple, Protocol

from zefnb.core.entity import Entity
from zefnb.engine.runtime import Runtime
from zefnb.net.http.event_connection import EventConnection
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.notebook.plot.points import Columns, Point
from zefnb.notebook.plot.problems import Problems
from zefnb.notebook.plot.reading import NOT_SMALL, Clock, Reading
from zefnb.topics.hub import WATCH, Hub

SAMPLE_INTERVAL = 1.0
# While no view is visible, so many messages are read together, which is quicker and needs no timer.
MOST_UNREAD = 256

TakePoints = Callable[[list[Point] | Columns], None]


class Panel(NamedTuple):
    """One of the pictures above each other.

    `reads` is the format of its values: 'number', 'size' or 'duration'. With `from_zero` its axis begins at zero.
    """

    title: str
    reads: str = "number"
    from_zero: bool = False


class Series(NamedTuple):
    """One line: its label, and the number of its panel."""

    label: str
    panel: int = 0


class Source(Protocol):
    """Where points come from. Only the loop uses it."""

    title: str
    panels: tuple[Panel, ...]
    problems: Problems
    waiting: str
    # Whether no view is visible, so that `take` may be called later.
    is_hidden: bool

    @property
    def series(self) -> list[Series]:
        """The series so far."""

    @property
    def is_time(self) -> bool:
        """Whether x is a time."""

    def start(self, take: TakePoints) -> None:
        """Begin to call `take` with points."""

    def read_on(self) -> None:
        """Call `take` with the points of all messages so far."""

    def stop(self) -> None:
        """End it."""


class TopicSource:
    """The messages of a topic: it is a subscriber of the hub that no query lists."""

    # It takes the numbers out at once, and has no reference to the message later.
    only_reads = keeps_nothing = True

    def __init__(self, runtime: Runtime, topic: Entity, reading: Reading, title: str) -> None:
        self._hub = runtime.service(Hub)
        self._topic = topic
        self._reading = reading
        self._take: TakePoints = _ignore
        self._clock = reading.clock.read
        # A copy of each message that has yet to be read, and what the clock showed when it arrived.
        self._unread: list[Any] = []
        self._arrived: list[float] = []
        self.is_hidden = True
        self.title = title
        self.panels: tuple[Panel, ...] = (Panel(""),)
        self.problems = reading.problems
        self.waiting = f"no message of {title} yet"

    @property
    def series(self) -> list[Series]:
        return [Series(label) for label in self._reading.labels]

    @property
    def is_time(self) -> bool:
        return self._reading.is_time is not False

    def start(self, take: TakePoints) -> None:
        self._take = take
        self._hub.subscribe(self._topic, self, WATCH)

    def stop(self) -> None:
        self._hub.unsubscribe(self._topic, self)
        self._take = _ignore

    def deliver(self, content: Any) -> None:
        """Read the points of a message, now or later."""
        if self.is_hidden and (small := self._reading.small_copy(content)) is not NOT_SMALL:
            unread = self._unread
            if not unread:
                self._take([])  # from now on there is something to read
            unread.append(small)
            self._arrived.append(self._clock())
            if len(unread) >= MOST_UNREAD:
                self.read_on()
            return
        self.read_on()
        self._take(self._reading.read(content))

    def read_on(self) -> None:
        if self._unread:
            unread, self._unread = self._unread, []
            arrived, self._arrived = self._arrived, []
            self._take(self._reading.read_all(self._reading.clock.times(arrived), unread))

    def __repr__(self) -> str:
        return f"<the chart of {self.title}>"


def _ignore(points: list[Point] | Columns) -> None:
    """Take no points: the chart has not started, or is closed."""


class ServerSource:
    """Figures of a server, once a second: messages, clients, queued bytes and the round trip of pings."""

    panels: tuple[Panel, ...] = (
        Panel("messages per second", from_zero=True),
        Panel("clients", from_zero=True),
        Panel("queued", "size", from_zero=True),
        Panel("round trip, the median", "duration", from_zero=True),
    )
    series = [Series("in"), Series("out"), Series("clients", 1), Series("queued", 2), Series("round trip", 3)]
    is_time = True

    def __init__(self, runtime: Runtime, place: str, title: str) -> None:
        self._runtime = runtime
        self._place = place
        self._clock = Clock()
        self._counted: dict[Connection | EventConnection, tuple[int, int]] | None = None
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._take: TakePoints | None = None
        self.is_hidden = True
        self.problems = Problems()
        self.title = title
        self.waiting = f"no figures of {title} yet"

    def start(self, take: TakePoints) -> None:
        self._take = take
        self._sample()

    def read_on(self) -> None:
        """There are no messages."""

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._take = None

    def _sample(self) -> None:
        if self._take is None:
            return
        now = self._clock.now()
        self._take([Point(n, now, y) for n, y in enumerate(self._figures(now))])
        self._timer = self._runtime.loop.call_later(SAMPLE_INTERVAL, self._sample)

    def _figures(self, now: float) -> list[float]:
        """Return the current figures; all are gaps while no server runs in this place."""
        server = self._runtime.service(Servers).at(self._place)
        if server is None:
            self._counted = None
            return [math.nan] * len(self.series)
        clients = list(server.clients())
        counts = {client: (client.received, client.sent) for client in clients}
        before, self._counted = self._counted, counts
        rates = [math.nan, math.nan]
        if before is not None and now > self._at:
            moved = [(i - old[0], o - old[1]) for c, (i, o) in counts.items() for old in (before.get(c, (0, 0)),)]
            rates = [sum(each) / (now - self._at) for each in zip(*moved, strict=True)] or [0.0, 0.0]
        self._at = now
        trips = [client.round_trip for client in clients if client.round_trip is not None]
        queued = float(sum(client.queued for client in clients))
        return [*rates, float(len(clients)), queued, median(trips) if trips else math.nan]
