"""The boxes of servers and their routes, with the clients and the topics of each route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zefnb.core.effect import Effect
from zefnb.core.entity import ET, Entity, Topic
from zefnb.core.function import name_of
from zefnb.core.record import fields_of
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import Behaviour
from zefnb.engine.runtime import Runtime
from zefnb.net.http.event_connection import EventConnection
from zefnb.net.http.server import Server
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.connection import Connection
from zefnb.net.websocket.endpoint import Endpoint
from zefnb.notebook.display.columns import count_text, moment_text, size_text
from zefnb.notebook.picture.diagram import Diagram, Node
from zefnb.text.short_repr import short_repr

# The routes of one server without topics and clients, each with its own box; the others are one box.
_MOST_PLAIN = 4
_KINDS: dict[type, str] = {
    ET.Page: "page",
    ET.EventStream: "event stream",
    ET.PushInto: "publishes bodies",
    ET.FromDirectory: "files",
}


def add_servers(diagram: Diagram, runtime: Runtime) -> None:
    """Add the running servers, and their routes."""
    for server in runtime.service(Servers):
        clients = server.clients()
        facts = [count_text(len(clients), "client")]
        facts += [f"{server.refused:,} refused"] if server.refused else []
        name = f":{server.port}"
        notes = [
            f"since {moment_text(server.started)}",
            *(["uses TLS"] if server.is_secure else []),
            *(["accepts external requests"] if server.allow_external_requests else []),
        ]
        node = Node(_id(server), "server", name, facts, notes=notes, source=server, table="servers")
        node.uids, node.place = frozenset((str(server.handle._uid),)), server.place
        diagram.add(node)
        by_endpoint: dict[Endpoint, list[Connection]] = {}
        for client in clients:
            if not isinstance(client, EventConnection):
                by_endpoint.setdefault(client.endpoint, []).append(client)
        for endpoint in server.endpoints.values():
            _add_endpoint(diagram, server, endpoint, by_endpoint.get(endpoint, []))
        _add_http_routes(diagram, server)


def _id(server: Server) -> str:
    return f"server:{server.place}"


def route_id(server: Server, method: str, path: str) -> str:
    """Return the id of a route's box. The place of a server stays when its cell runs again."""
    return f"path:{server.place}:{method}:{path}"


def _add_endpoint(diagram: Diagram, server: Server, endpoint: Endpoint, clients: Sequence[Connection]) -> None:
    config = endpoint.config
    here = route_id(server, "WS", endpoint.path)
    queued = sum(client.queued for client in clients)
    parts = getattr(config.page, "parts", ())
    facts = [*(["page"] if parts else []), count_text(len(clients), "client")]
    node = Node(here, "path", endpoint.path, facts, source=endpoint, table="path")
    node.total = sum(client.received + client.sent for client in clients)
    node.waiting = f"{size_text(queued)} queued" if queued else ""
    node.notes, node.place = [f"accepted {endpoint.accepted:,}"], server.place
    diagram.add(node)
    diagram.connect(_id(server), here, "part")
    diagram.flow(here, [*config.push_into, *(topic for part in parts for topic in part.push_into)], into=True)
    diagram.flow(here, [*config.subscribe_to, *(topic for part in parts for topic in part.topics)], into=False)
    if config.behaviour is not None:
        _add_actors(diagram, server, endpoint, here, clients)


def _add_actors(diagram: Diagram, server: Server, endpoint: Endpoint, path: str, clients: Sequence[Connection]) -> None:
    """Add one box for the actors of all clients."""
    behaviour = endpoint.config.behaviour
    assert behaviour is not None
    actors: list[Actor] = [actor for client in clients if (actor := actor_of(client)) is not None]
    names = handler_names(behaviour)
    node = Node(f"{path}:actors", "actor", ", ".join(names) or "rules", [f"{len(actors):,} running"])
    node.total = sum(actor.handled for actor in actors)
    waiting = sum(len(actor.mailbox) for actor in actors)
    node.waiting = f"{waiting:,} waiting" if waiting else ""
    node.notes = ["one actor for each client"]
    node.handlers = frozenset(names)
    node.source, node.table, node.place = endpoint, "path", server.place
    diagram.add(node)
    diagram.sources[behaviour] = node.id
    diagram.connect(path, node.id)
    diagram.connect(node.id, path)


def actor_of(client: Connection) -> Any:
    """Return the actor of a client, also of one whose session has it."""
    return client.session.actor if client.session is not None else client.actor


def handler_names(behaviour: Behaviour) -> list[str]:
    """Return the names of the functions of a behaviour, each once."""
    handlers = getattr(behaviour, "handlers", None)
    found = handlers if handlers is not None else [behaviour.find(None, None)]
    return list(dict.fromkeys(name_of(handler) for handler in found if handler is not None))


# HTTP


def _add_http_routes(diagram: Diagram, server: Server) -> None:
    plain: list[Node] = []
    for key, given in server.given_routes.items():
        method, path = ("GET", key) if isinstance(key, str) else (str(key[0]), str(key[1]))
        path = path.rstrip("/") or "/"
        if path in server.endpoints and method == "GET" and type(given) in (ET.WebSocket, ET.Page):
            diagram.sources[(server.handle._uid, method, path)] = route_id(server, "WS", path)
            continue
        value = fields_of(given).get("handler") if isinstance(given, Entity) and type(given) is ET.Route else given
        node = _http_node(server, method, path, value)
        diagram.sources[(server.handle._uid, method, path)] = node.id
        topics = _topics_of(value)
        if not topics:
            plain.append(node)
            continue
        diagram.add(node)
        diagram.connect(_id(server), node.id, "part")
        diagram.flow(node.id, topics, into=type(value) is ET.PushInto)
    _add_plain(diagram, server, plain)


def _http_node(server: Server, method: str, path: str, value: Any) -> Node:
    name = path if method == "GET" else f"{method} {path}"
    is_handler = callable(value) and not isinstance(value, Entity | Effect | type)
    kind = _KINDS.get(type(value), name_of(value) if is_handler else "a value")
    facts = [kind, *([count_text(server.stream_clients(path), "client")] if type(value) is ET.EventStream else [])]
    node = Node(route_id(server, method, path), "path", name, facts, place=server.place)
    if is_handler:
        node.handlers = frozenset((name_of(value),))
        node.notes = [f"{method} {path} calls {name_of(value)}"]
    else:
        node.notes = [f"{method} {path}: {short_repr(value, 120)}"]
    return node


def _topics_of(value: Any) -> list[Topic]:
    if type(value) not in (ET.EventStream, ET.PushInto):
        return []
    fields = fields_of(value)
    given = fields.get("clients_subscribe_to") or fields.get("topics") or ()
    return [given] if isinstance(given, Topic) else list(given)


def _add_plain(diagram: Diagram, server: Server, nodes: list[Node]) -> None:
    """Add the routes that belong to nothing else. Those of one server beyond some are one box."""
    shown = nodes if len(nodes) <= _MOST_PLAIN + 1 else nodes[:_MOST_PLAIN]
    for node in shown:
        diagram.add(node)
        diagram.connect(_id(server), node.id, "part")
    rest = nodes[len(shown) :]
    if not rest:
        return
    more = Node(f"{_id(server)}:more", "path", f"{len(rest)} more routes", place=server.place)
    more.notes = [", ".join(node.name for node in rest)]
    more.handlers = frozenset(name for node in rest for name in node.handlers)
    diagram.add(more)
    diagram.connect(_id(server), more.id, "part")
    for node in rest:
        diagram.stand_for(node.id, more.id)
