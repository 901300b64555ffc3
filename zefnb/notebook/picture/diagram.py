"""The diagram: a box for each object that runs, and arrows between them, as plain values with stable ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from zefnb.core.entity import Entity
from zefnb.notebook.display.columns import count_text, rate_text
from zefnb.text.controls import strip_controls

Kind = Literal["server", "path", "topic", "op", "actor", "outward", "timer", "replay", "database"]
KINDS: tuple[Kind, ...] = ("server", "path", "topic", "op", "actor", "outward", "timer", "replay", "database")
# The boxes of one kind. The others are one box with a count.
MOST_OF_A_KIND = 60
_LONGEST_NAME = 200
# "part": a server has a path. "flow": messages go from one to the other. "seen": a handler has been observed to publish
# to a topic, or to use a database.
EdgeKind = Literal["part", "flow", "seen"]


@dataclass(slots=True)
class Node:
    """One box. `source` is the running object, and `table` the name of its details."""

    id: str
    kind: Kind
    name: str
    # Its description and its counts, as short texts.
    facts: list[str] = field(default_factory=list)
    # The counter from which its rate is computed.
    total: int | None = None
    # The number of messages or bytes that wait in it, as a text; empty if there are none.
    waiting: str = ""
    faults: int = 0
    rate: float | None = None
    # Longer facts, for the details and for screen readers.
    notes: list[str] = field(default_factory=list)
    source: Any = None
    table: str = ""
    # The handles whose journal entries belong to it, by uid, and the names of its handlers.
    uids: frozenset[str] = frozenset()
    handlers: frozenset[str] = frozenset()
    # The place of its server.
    place: str = ""

    @property
    def line(self) -> str:
        """The second line of the box.

        >>> Node("t", "topic", "chat", ["3 subscribers"], rate=12.0, waiting="2 waiting").line
        'topic · 12/s · 2 waiting · 3 subscribers'
        """
        rate = f"{rate_text(self.rate)}/s" if self.rate else ""
        return " · ".join(part for part in (self.kind, rate, self.waiting, *self.facts) if part)

    @property
    def badge(self) -> str:
        """The number of its errors as a text, empty if there are none."""
        return count_text(self.faults, "error") if self.faults else ""


class Edge(NamedTuple):
    """One arrow. It has two heads if `both`."""

    source: str
    target: str
    kind: EdgeKind
    both: bool = False


class Diagram:
    """Boxes and arrows. An arrow whose end has no box is left out."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str], EdgeKind] = {}
        # The boxes that are drawn in place of others.
        self._aliases: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        # The topics that arrows lead to or come from, by the ids of their boxes.
        self.topics: dict[str, Entity] = {}
        # The box of what an observed effect comes from: a behaviour, or the route of a handler.
        self.sources: dict[Any, str] = {}

    def add(self, node: Node) -> None:
        """Add a box. One more than there is room for is counted in a box for all further ones of its kind."""
        node.name = strip_controls(node.name, _LONGEST_NAME)
        count = self._counts[node.kind] = self._counts.get(node.kind, 0) + 1
        if count <= MOST_OF_A_KIND:
            self.nodes[node.id] = node
            return
        more = f"more:{node.kind}"
        self._aliases[node.id] = more
        found = self.nodes.setdefault(more, Node(more, node.kind, ""))
        found.name = f"{count - MOST_OF_A_KIND:,} more"
        found.faults += node.faults
        found.notes = [f"a picture has at most {MOST_OF_A_KIND} boxes of a kind"]

    def stand_for(self, hidden: str, shown: str) -> None:
        """Draw the arrows of a box that is not drawn at another box."""
        self._aliases[hidden] = shown

    def connect(self, source: str, target: str, kind: EdgeKind = "flow") -> None:
        """Add an arrow. One that is known does not become an observed one."""
        if kind != "seen" or (source, target) not in self._edges:
            self._edges[source, target] = kind

    def flow(self, node: str, topics: Iterable[Entity], into: bool) -> None:
        """Add arrows from a box into topics, or from topics to a box."""
        for topic in topics:
            there = topic_id(topic._uid)
            self.topics[there] = topic
            self.connect(*((node, there) if into else (there, node)))

    def resolved(self, node: str) -> str:
        """Return the id of the box that is drawn for an id."""
        while (other := self._aliases.get(node)) is not None:
            node = other
        return node

    def has(self, node: str) -> bool:
        """Whether a box is drawn for an id."""
        return self.resolved(node) in self.nodes

    @property
    def edges(self) -> list[Edge]:
        """The arrows between boxes. Two opposite ones are one with two heads."""
        drawn: dict[tuple[str, str], EdgeKind] = {}
        for (source, target), kind in self._edges.items():
            ends = self.resolved(source), self.resolved(target)
            if ends[0] != ends[1] and ends[0] in self.nodes and ends[1] in self.nodes:
                drawn[ends] = drawn.get(ends, kind) if kind == "seen" else kind
        edges: list[Edge] = []
        done: set[tuple[str, str]] = set()
        for (source, target), kind in drawn.items():
            both = drawn.get((target, source)) == kind
            if (target, source) not in done or not both:
                edges.append(Edge(source, target, kind, both))
            done.add((source, target))
        return edges


def place_id(kind: str, key: object) -> str:
    """Return an id of a box, from what identifies the thing also after its cell has run again."""
    return f"{kind}:{hash(key) & 0xFFFFFFFFFF:x}"


def topic_id(name: str | None) -> str:
    """Return the id of a topic's box."""
    return f"topic:{name}"
