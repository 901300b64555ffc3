"""Descriptions of handles: the kind of a server, an actor or a timer, whether it runs, its facts and its links."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from zefnb.core.entity import Actor, Entity, HTTPServer, Replay, Subscription, Timer, WebSocketClient
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import ZefError
from zefnb.notebook.display.columns import brief_repr, count_text, duration_text
from zefnb.notebook.links.links import public_url, reached_by

_MOST_LINKS = 8
_MOST_ROWS = 10


class Described(NamedTuple):
    """The description of a handle."""

    kind: str
    runs: bool
    facts: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    # The first keys and values of a database, as short texts.
    rows: tuple[tuple[str, str], ...] = ()

    @property
    def state(self) -> str:
        """The state as a text."""
        return "running" if self.runs else "not running"


def described(value: Any) -> Described | None:
    """Return the description of a handle; `None` for any other value."""
    if value.__class__.__name__ == "DictDatabase":
        return _database(value)
    describe = _BY_TYPE.get(type(value))
    if describe is None or not isinstance(value, Entity) or value._uid is None:
        return None
    from zefnb.notebook.overview import on_loop

    runtime = default_runtime()
    if isinstance(value, HTTPServer):
        reached_by(value.port)  # can need a reply of the page (see `_by_colab`), so not on the loop
    found: Described = on_loop(runtime, lambda: describe(runtime, value))
    return found


def _server(runtime: Runtime, handle: Any) -> Described:
    from zefnb.net.http.routes import normal_path
    from zefnb.net.http.servers import Servers

    server = runtime.service(Servers).find(handle)
    if server is None:
        return Described("Server", False)
    links = []
    for key in list(server.given_routes)[:_MOST_LINKS]:
        method, path = key if isinstance(key, tuple) else ("GET", key)
        endpoint = server.endpoints.get(normal_path(path))
        if endpoint is not None:
            kind = "page" if endpoint.config.mode == "page" else "WebSocket"
            url = public_url(handle, path, websocket=kind == "WebSocket")
            links.append((str(url), f"{kind}, {count_text(len(endpoint.clients), 'client')}"))
        else:
            links.append((str(public_url(handle, path)), "" if method == "GET" else method))
    more = len(server.given_routes) - len(links)
    facts = [f"port {server.port}", count_text(len(server.clients()), "client")]
    if root := server.certificates.handle_fields.get("root_certificate"):
        facts.append(f"root certificate {root}")
    if more:
        facts.append(f"{more} more routes")
    return Described("Server", True, tuple(facts), tuple(links))


def _actor(runtime: Runtime, handle: Any) -> Described:
    from zefnb.engine.actors import Actors

    actor = runtime.service(Actors).find(handle)
    if actor is None:
        return Described("Actor", False)
    facts = [f"{actor.handled:,} handled", f"state {brief_repr(actor.state)}"]
    facts += [count_text(actor.faults, "fault")] if actor.faults else []
    return Described("Actor", True, tuple(facts))


def _timer(runtime: Runtime, handle: Any) -> Described:
    from zefnb.topics.timer import Timers

    timer = runtime.service(Timers).find(handle)
    if timer is None:
        return Described("Timer", False)
    every = timer.interval if isinstance(timer.interval, str) else f"every {duration_text(timer.interval)}"
    return Described("Timer", True, (every, f"into {brief_repr(timer.target)}", f"{timer.ticks:,} ticks"))


def _replay(runtime: Runtime, handle: Any) -> Described:
    module = sys.modules.get("zefnb.replay.replays")
    replays = runtime.service(module.Replays) if module is not None else None
    replay = None if replays is None else replays.find(handle) or replays.complete(handle)
    if replay is None:
        return Described("Replay", False)
    into, published = f"into {brief_repr(replay.target)}", f"{replay.progress} published"
    runs = replay.state == "running"
    return Described("Replay", runs, (into, published) if runs else (replay.state, into, published))


def _subscription(runtime: Runtime, handle: Any) -> Described:
    from zefnb.topics.subscriptions import Subscriptions

    listener = runtime.service(Subscriptions).find(handle)
    if listener is None:
        return Described("Subscription", False)
    facts = [f"to {brief_repr(listener.topic)}", f"{listener.handled:,} handled"]
    facts += [count_text(listener.faults, "fault")] if listener.faults else []
    return Described("Subscription", True, tuple(facts))


def _client(runtime: Runtime, handle: Any) -> Described:
    module = sys.modules.get("zefnb.net.client.clients")
    client = runtime.service(module.Clients).find(handle) if module is not None else None
    if client is None:
        return Described("Outward client", False)
    from zefnb.core.effect import FX
    from zefnb.engine.perform import perform

    facts = perform(runtime, FX.QueryWebSocketClient(client=handle))
    moved = f"{facts['sent']:,} sent, {facts['received']:,} received"
    return Described("Outward client", True, (str(facts["state"]), str(facts["url"]), moved))


def _database(handle: Any) -> Described:
    from zefnb.store.store import OPEN

    store: Any = OPEN.get(handle._uid)
    if store is None:
        return Described("Database", False)
    known = getattr(store, "known_count", None)
    if known is not None:  # in a cluster, where reading its keys would wait for the broker
        return Described("Database", True, (count_text(known, "key"), f"stored in {store.path}"))
    keys = list(itertools.islice(store.keys(), _MOST_ROWS))
    count = len(handle)
    facts = [count_text(count, "key")] + ([f"the first {len(keys)}:"] if count > len(keys) else [])
    return Described("Database", True, tuple(facts), rows=tuple((brief_repr(key), _value(store, key)) for key in keys))


def _value(store: Any, key: Any) -> str:
    try:
        return brief_repr(store.get(key))
    except KeyError:
        return "removed meanwhile"
    except ZefError as error:
        return f"cannot be read: {type(error).__name__}"


_BY_TYPE: dict[type, Callable[[Runtime, Any], Described | None]] = {
    HTTPServer: _server,
    Actor: _actor,
    Timer: _timer,
    Replay: _replay,
    Subscription: _subscription,
    WebSocketClient: _client,
}
