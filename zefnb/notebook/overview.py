"""The overview: everything that runs, as plain values, which one call on the loop collects."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Sized
from itertools import islice
from typing import Any, TypeVar

from zefnb.engine.actor import Actor
from zefnb.engine.actors import Actors
from zefnb.engine.runtime import Runtime
from zefnb.engine.waker import thread_waker
from zefnb.net.http.server import Server
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import Endpoint
from zefnb.net.websocket.presence import Presence
from zefnb.text.short_repr import short_repr
from zefnb.text.uids import short_uids
from zefnb.topics.hub import WATCH, Hub, TopicState
from zefnb.topics.timer import Timers

T = TypeVar("T")

# Longer lists do not help a reader. The overview has the total count as well.
MOST_LISTED = 200
_SHORTEST_INTERVAL = 0.5
_LONGEST_INTERVAL = 30.0


def on_loop(runtime: Runtime, work: Callable[[], Any]) -> Any:
    """Run `work()` on the loop, await its result if that is awaitable, and return it. Can be called from any thread.

    Blocks until the result is there, and raises the exception of `work`.
    """
    if runtime.thread.is_current:
        return work()
    waker = thread_waker()
    results: list[Any] = []
    errors: list[BaseException] = []

    async def finish(awaitable: Any) -> None:
        try:
            results.append(await awaitable)
        except BaseException as error:
            errors.append(error)
        finally:
            waker.wake()

    def start() -> None:
        try:
            result = work()
        except BaseException as error:
            errors.append(error)
        else:
            if inspect.isawaitable(result):
                runtime.spawn(finish(result), "notebook")
                return
            results.append(result)
        waker.wake()

    runtime.call_queue.put(start)
    runtime.wait(lambda: bool(results or errors))
    if errors:
        raise errors[0]
    return results[0]


class Rates:
    """The growth of counters per second: a service of the runtime, which takes a sample at each call."""

    def __init__(self, runtime: Runtime) -> None:
        self._seen: dict[Any, tuple[float, int, float | None]] = {}

    def of(self, key: Any, count: int) -> float | None:
        """Return the rate of `key` since the last call; `None` at the first call and after a long pause."""
        now = time.monotonic()
        before = self._seen.get(key)
        if before is None or now - before[0] > _LONGEST_INTERVAL:
            self._seen[key] = (now, count, None)
            return None
        at, counted, rate = before
        if now - at < _SHORTEST_INTERVAL:
            return rate
        rate = round(max(count - counted, 0) / (now - at), 1)
        self._seen[key] = (now, count, rate)
        return rate

    def forget_old(self) -> None:
        """Drop the samples that have not been read for a long time."""
        limit = time.monotonic() - _LONGEST_INTERVAL
        self._seen = {key: seen for key, seen in self._seen.items() if seen[0] > limit}


def overview(runtime: Runtime) -> dict[str, Any]:
    """Return everything that runs, as dicts, lists, text and numbers. Must run on the loop: see `on_loop`.

    Keys: servers, clients, presence, topics, topic_count, actors, actor_count, timers, replays, databases, outward,
    cluster, faults.
    """
    rates = runtime.service(Rates)
    rates.forget_old()
    servers = [_server(server) for server in runtime.service(Servers)]
    topics, actors = user_topics(runtime), own_actors(runtime)
    return {
        "servers": servers,
        "clients": sum(server["clients"] for server in servers),
        "presence": _presence(runtime)[:MOST_LISTED],
        "topics": [_topic(state, rates) for state in topics[:MOST_LISTED]],
        "topic_count": len(topics),
        "actors": [_actor(actor) for actor in actors[:MOST_LISTED]],
        "actor_count": len(runtime.service(Actors)),
        "timers": [_timer(timer) for timer in runtime.service(Timers)][:MOST_LISTED],
        "replays": [_replay(replay) for replay in running_replays(runtime)][:MOST_LISTED],
        "databases": _databases(),
        "outward": _outward(runtime)[:MOST_LISTED],
        "cluster": _cluster(runtime),
        "faults": sum(entry["count"] for entry in runtime.journal.entries("error")),
    }


def route_names(server: Server) -> list[str]:
    """Return the routes of a server, each as one text."""
    return [route if isinstance(route, str) else " ".join(route) for route in server.given_routes]


def _server(server: Server) -> dict[str, Any]:
    return {
        "uid": server.handle._uid,
        "place": server.place,
        "port": server.port,
        "secure": server.is_secure,
        "version": server.version,
        "external": server.allow_external_requests,
        "started": server.started.seconds,
        "refused": server.refused,
        "routes": route_names(server),
        "endpoints": [_endpoint(endpoint) for endpoint in server.endpoints.values()],
        "clients": len(server.clients()),
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    config = endpoint.config
    return {
        "path": endpoint.path,
        "mode": config.mode,
        "clients": len(endpoint.clients),
        "accepted": endpoint.accepted,
        "subscribe_to": [topic._uid for topic in config.subscribe_to],
        "push_into": [topic._uid for topic in config.push_into],
    }


def _presence(runtime: Runtime) -> list[dict[str, Any]]:
    presence = runtime.service(Presence)
    rooms = [(topic._uid, presence.members(topic)) for topic in presence.topics()]
    return [
        {"topic": uid, "clients": len(members), "away": sum(each.is_away for each in members)} for uid, members in rooms
    ]


def user_topics(runtime: Runtime) -> list[TopicState]:
    """Return the topics with subscribers, without the internal topics of zefnb."""
    return [state for state in runtime.service(Hub).topics() if not _is_internal(state)]


def own_actors(runtime: Runtime) -> list[Actor]:
    """Return the actors that do not belong to a connection."""
    return [actor for actor in runtime.service(Actors) if actor.server is None]


def input_names(actor: Actor) -> str | None:
    """Return the names of the topics from which an actor gets its messages."""
    source = actor.handle.__dict__.get("input")
    topics = source if isinstance(source, list) else [source] if source is not None else []
    return ", ".join(topic._uid for topic in topics) or None


def subscriber_count(state: TopicState) -> int:
    """Return the number of subscribers of a topic."""
    subscribers = [subscriber for subscriber, kind in state.subscribers.items() if kind != WATCH]
    return sum(len(subscriber) if isinstance(subscriber, Sized) else 1 for subscriber in subscribers)


def _is_internal(state: TopicState) -> bool:
    """Whether a topic is internal: one of the two unnamed topics of each connection with an actor.

    A topic that only zefnb itself watches is internal, too.
    """
    if all(kind == WATCH for kind in state.subscribers.values()):
        return True
    first = next(iter(state.subscribers))
    if isinstance(first, Connection):
        return first.topic_out is not None
    return isinstance(first, Actor) and first.server is not None


def _topic(state: TopicState, rates: Rates) -> dict[str, Any]:
    return {
        "name": state.topic._uid,
        "subscribers": subscriber_count(state),
        "published": state.published,
        "rate": rates.of(("topic", state.topic._uid), state.published),
    }


def _actor(actor: Actor) -> dict[str, Any]:
    return {
        "uid": actor.handle._uid,
        "input": input_names(actor),
        "handled": actor.handled,
        "waiting": len(actor.mailbox),
        "faults": actor.faults,
        "unmatched": actor.unmatched,
        "state": brief(actor.state),
    }


def _timer(timer: Any) -> dict[str, Any]:
    facts = timer.describe()
    return {
        "uid": facts["timer"]._uid,
        "interval": facts["interval"],
        "target": facts["target"]._uid,
        "next": facts["next"].seconds,
        "ticks": facts["ticks"],
        "skipped": facts["skipped"],
    }


def running_replays(runtime: Runtime) -> list[Any]:
    """Return the running replays."""
    # Without this module there is none.
    module = sys.modules.get("zefnb.replay.replays")
    return [] if module is None else list(runtime.service(module.Replays))


def _replay(replay: Any) -> dict[str, Any]:
    return {"uid": replay.handle._uid, "target": replay.target._uid, "published": replay.published, "of": replay.total}


def _databases() -> list[dict[str, Any]]:
    # Without this module no database is open.
    module = sys.modules.get("zefnb.store.store")
    if module is None:
        return []
    stores = list(module.OPEN.items())[:MOST_LISTED]
    return [{"uid": uid, "keys": module.known_count(store)} for uid, store in stores]


def _outward(runtime: Runtime) -> list[dict[str, Any]]:
    module = sys.modules.get("zefnb.net.client.clients")
    if module is None:
        return []
    clients = runtime.service(module.Clients)
    shown = ("url", "state", "sent", "received", "queued")
    described = [(client.handle._uid, client.describe()) for client in clients]
    return [{"uid": uid, **{key: facts[key] for key in shown}} for uid, facts in described]


def _cluster(runtime: Runtime) -> list[dict[str, Any]]:
    """Return one dict if this process has joined a cluster."""
    module = sys.modules.get("zefnb.cluster.cluster")
    node = None if module is None else runtime.service(module.Cluster).node
    if node is None:
        return []
    from zefnb.cluster.status import status

    return [status(node)]


_MOST_ITEMS = 4
_LONGEST_ITEM = 40
_LONGEST_BRIEF = 120
_LONGEST_UID = 12


def brief(value: Any, depth: int = 2) -> str:
    """Return a short text of a value without visiting all of it: states can be huge, and it runs often.

    >>> brief({'name': 'Ada', 'scores': list(range(1000))})
    "{'name': 'Ada', 'scores': [0, 1, 2, 3, …]}"
    """
    return short_uids(_brief(value, depth)[:_LONGEST_BRIEF])


def _brief(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in (bool, int, float, type(None)):
        return short_repr(value)  # an integer may be too long for `repr`
    if kind in (str, bytes):
        return _cut(repr(value[: _LONGEST_ITEM + 1]))
    if isinstance(value, list | tuple | set | frozenset | dict):
        return _brief_container(value, depth)
    fields = getattr(value, "__dict__", None)
    if hasattr(kind, "__pattern__") and isinstance(fields, dict):
        uid = getattr(value, "_uid", None)
        parts = [] if uid is None else [repr(uid if len(uid) <= _LONGEST_UID else f"{uid[:_LONGEST_UID]}…")]
        if fields:
            named = ((f"{name}=", item) for name, item in fields.items())
            parts.append(_items(named, len(fields), depth) if depth else "…")
        return f"{kind!r}({', '.join(parts)})"
    # Any other repr can be slow or have side effects, and this code runs on the loop.
    return f"<{kind.__name__}>"


def _brief_container(value: Any, depth: int) -> str:
    opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")") if isinstance(value, tuple) else ("{", "}")
    if not depth and value:
        return f"{opening}…{closing}"
    if isinstance(value, dict):
        pairs = ((f"{_brief(key, 0)}: ", item) for key, item in value.items())
    else:
        pairs = (("", item) for item in value)
    return f"{opening}{_items(pairs, len(value), depth)}{closing}"


def _items(pairs: Any, count: int, depth: int) -> str:
    try:
        parts = [f"{label}{_brief(item, depth - 1)}" for label, item in islice(pairs, _MOST_ITEMS)]
    except RuntimeError:  # a handler thread changes the container at the same time
        return "…"
    return ", ".join([*parts, "…"] if count > _MOST_ITEMS else parts)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_ITEM else text[: _LONGEST_ITEM - 1] + "…"
