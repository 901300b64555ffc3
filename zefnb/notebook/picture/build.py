"""Builds the diagram of everything that runs from the services of a runtime."""

from __future__ import annotations

from collections.abc import Iterable

from zefnb.core.entity import Topic
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import uid_text
from zefnb.notebook.picture.diagram import Diagram, Node, topic_id
from zefnb.notebook.picture.faults import Entry, Faults
from zefnb.notebook.picture.observed import Observation
from zefnb.notebook.picture.routes import add_servers
from zefnb.notebook.picture.services import add_services, database_id


def diagram_of(runtime: Runtime, observed: Iterable[Observation] = (), errors: Iterable[Entry] = ()) -> Diagram:
    """Return everything that runs, with the errors of each box. Changes nothing. Must run on the loop."""
    diagram = Diagram()
    add_servers(diagram, runtime)
    add_services(diagram, runtime)
    for source, target in observed:
        here = diagram.sources.get(source)
        if here is None:
            continue
        there = topic_id(target._uid) if isinstance(target, Topic) else database_id(target._uid)
        if isinstance(target, Topic):
            diagram.topics.setdefault(there, target)
        diagram.connect(here, there, "seen")
    for here, topic in diagram.topics.items():
        if not diagram.has(here) and here == diagram.resolved(here):
            node = Node(here, "topic", uid_text(str(topic._uid)), ["no subscribers"], source=topic, table="unheard")
            diagram.add(node)
    Faults(diagram.nodes.values()).count(errors)
    return diagram
