"""The boxes of topics, ops, actors, outward clients, timers, replays and databases."""

from __future__ import annotations

import sys
from typing import Any

from zefnb.core.entity import Entity
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import handler_name
from zefnb.engine.runtime import Runtime
from zefnb.notebook.display.columns import READINGS, count_text, uid_text
from zefnb.notebook.overview import own_actors, running_replays, subscriber_count, user_topics
from zefnb.notebook.picture.diagram import Diagram, Node, place_id, topic_id
from zefnb.notebook.picture.routes import handler_names
from zefnb.text.uids import MARK
from zefnb.topics.hub import TopicState
from zefnb.topics.subscriptions import Listener
from zefnb.topics.timer import Timer, Timers


def add_services(diagram: Diagram, runtime: Runtime) -> None:
    """Add everything but the servers."""
    for actor in own_actors(runtime):
        _add_actor(diagram, runtime, actor)
    _add_outward(diagram, runtime)
    for timer in runtime.service(Timers):
        _add_timer(diagram, runtime, timer)
    for replay in running_replays(runtime):
        _add_replay(diagram, runtime, replay)
    _add_databases(diagram)
    for state in user_topics(runtime):
        _add_topic(diagram, runtime, state)


def _own_id(runtime: Runtime, kind: str, handle: Entity) -> str:
    """The id of what a cell has made: that of its place in the cell, which the next execution of the cell has, too."""
    return place_id(kind, runtime.cells.place_of(handle) or str(handle._uid))


# Topics and what is bound to them


def _add_topic(diagram: Diagram, runtime: Runtime, state: TopicState) -> None:
    here, name = topic_id(state.topic._uid), str(state.topic._uid)
    subscribers = list(state.subscribers)
    ids = [found for each in subscribers if (found := _subscriber(diagram, runtime, each)) is not None]
    # The unnamed input of an actor, or of an outward client, would be a box without a meaning of its own.
    if name.startswith(MARK) and len(ids) == len(subscribers) == 1 and not isinstance(subscribers[0], Listener):
        diagram.stand_for(here, ids[0])
        return
    node = Node(here, "topic", uid_text(name), [count_text(subscriber_count(state), "subscriber")])
    node.total, node.source, node.table = state.published, state, "topics"
    node.notes = [f"published {state.published:,}"]
    diagram.add(node)
    for there in ids:
        diagram.connect(here, there)


def _subscriber(diagram: Diagram, runtime: Runtime, subscriber: Any) -> str | None:
    """Return the id of a subscriber that has a box of its own. Sockets have none: they belong to their route."""
    if isinstance(subscriber, Listener):
        return _listener(diagram, runtime, subscriber)
    handle = getattr(subscriber, "handle", None)
    if not isinstance(handle, Entity):
        return None
    kind = "actor" if isinstance(subscriber, Actor) else "outward"
    found = _own_id(runtime, kind, handle)
    return found if diagram.has(found) else None


def _listener(diagram: Diagram, runtime: Runtime, listener: Listener) -> str:
    here = _own_id(runtime, "op", listener.handle)
    node = Node(here, "op", handler_name(listener.behaviour.find(None, None)), source=listener, table="op")
    _count(node, listener)
    diagram.add(node)
    diagram.sources[listener.behaviour] = here
    if listener.target is not None:
        diagram.flow(here, [listener.target], into=True)
    return here


def _count(node: Node, actor: Actor) -> None:
    """Add the counts of an actor, or of the actor of an op."""
    node.total = actor.handled
    node.waiting = f"{len(actor.mailbox):,} waiting" if len(actor.mailbox) else ""
    node.facts = [f"{actor.handled:,} handled"]
    node.notes = [f"{count_text(actor.unmatched, 'message')} without a rule"] if actor.unmatched else []
    node.uids = frozenset((str(actor.handle._uid),))
    node.handlers = frozenset(handler_names(actor.behaviour))


def _add_actor(diagram: Diagram, runtime: Runtime, actor: Actor) -> None:
    here = _own_id(runtime, "actor", actor.handle)
    names = handler_names(actor.behaviour)
    node = Node(here, "actor", ", ".join(names) or "rules", source=actor, table="actors")
    _count(node, actor)
    diagram.add(node)
    diagram.sources[actor.behaviour] = here


# Outward clients


def _add_outward(diagram: Diagram, runtime: Runtime) -> None:
    # Without this module there is no outward client.
    module = sys.modules.get("zefnb.net.client.clients")
    for client in () if module is None else runtime.service(module.Clients):
        here = _own_id(runtime, "outward", client.handle)
        facts = client.describe()
        node = Node(here, "outward", client.target.shown, [facts["state"]], source=client, table="outward")
        node.total = client.sent + client.received
        waiting, dropped = len(client.send_queue), client.send_queue.dropped
        node.waiting = f"{waiting:,} queued" if waiting else ""
        node.notes = [f"sent {client.sent:,}", f"received {client.received:,}"]
        node.notes += [f"dropped {dropped:,}"] if dropped else []
        node.uids = frozenset((str(client.handle._uid),))
        diagram.add(node)
        actor = getattr(client.consumer, "actor", None)
        if actor is not None:
            there = _own_id(runtime, "actor", actor.handle)
            diagram.connect(here, there)
            diagram.connect(there, here)
        diagram.flow(here, getattr(client.consumer, "push_into", ()), into=True)


# Timers, replays and databases


def _add_timer(diagram: Diagram, runtime: Runtime, timer: Timer) -> None:
    here = _own_id(runtime, "timer", timer.handle)
    every = timer.interval if isinstance(timer.interval, str) else f"every {READINGS['interval'].text(timer.interval)}"
    node = Node(here, "timer", every, [count_text(timer.ticks, "tick")], source=timer, table="timers")
    node.total = timer.ticks
    node.notes = [f"{timer.skipped:,} skipped"] if timer.skipped else []
    node.uids = frozenset((str(timer.handle._uid),))
    diagram.add(node)
    diagram.flow(here, [timer.target], into=True)


def _add_replay(diagram: Diagram, runtime: Runtime, replay: Any) -> None:
    here = _own_id(runtime, "replay", replay.handle)
    node = Node(here, "replay", uid_text(str(replay.target._uid)), [replay.progress], source=replay, table="replays")
    node.total = replay.published
    node.uids = frozenset((str(replay.handle._uid),))
    diagram.add(node)
    diagram.flow(here, [replay.target], into=True)


def database_id(uid: str | None) -> str:
    """Return the id of a database's box."""
    return f"database:{uid}"


def _add_databases(diagram: Diagram) -> None:
    # Without this module no database is open.
    module = sys.modules.get("zefnb.store.store")
    if module is None:
        return
    for uid, store in list(module.OPEN.items()):
        path = getattr(store, "path", None)
        node = Node(database_id(uid), "database", path.rpartition("/")[2] if path else uid_text(uid))
        node.facts = [count_text(module.known_count(store), "key")]
        node.notes = [f"stored in {path}"] if path else ["in memory"]
        node.source, node.table = (uid, store), "database"
        diagram.add(node)
