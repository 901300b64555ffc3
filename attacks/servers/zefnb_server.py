"""zefnb under attack, with its public names only: a room, actors that block or raise, and what remains."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import urllib.request

from attacks.servers.compute import compute
from attacks.servers.database import fork_amid_writes, hostile_files, on_update
from attacks.servers.leftovers import of_http, of_this_process
from attacks.servers.long_errors import fail
from attacks.servers.loops import cause_itself
from attacks.servers.recorded import Recordings, read_recording
from attacks.servers.zefnb_own import OWN_ROUTES
from bench.servers.control import Control, numbered_messages, publish_all
from zefnb import *

chat, feed, news, crowd, packed, late = (ET.Topic(name) for name in ("chat", "feed", "news", "crowd", "packed", "late"))
database: list[Any] = []


@zef_function
def on_connect(msg: Any, state: Any) -> Any:
    return [[], ET.Connected(out=msg.topic_out, server=msg.http_server, count=0)]


@zef_function
def on_echo(text: Any, state: Any) -> Any:
    return [[FX.Publish(target=state.out, content=text)], state]


@zef_function(inline=True)
def on_echo_inline(text: Any, state: Any) -> Any:
    return [[FX.Publish(target=state.out, content=text)], state]


@zef_function
async def on_echo_async(text: Any, state: Any) -> Any:
    return [[FX.Publish(target=state.out, content=text)], state]


@zef_function
def on_sleep(text: Any, state: Any) -> Any:
    time.sleep(float(text))
    return [[FX.Publish(target=state.out, content="slept")], state]


@zef_function
def on_count(text: Any, state: Any) -> Any:
    """Raises when the message requests it; else returns the number of other messages."""
    if text == "raise":
        raise ValueError("as requested")
    state = ET.Connected(out=state.out, server=state.server, count=state.count + 1)
    return [[FX.Publish(target=state.out, content=str(state.count))], state]


@zef_function
def on_long(kind: Any, state: Any) -> Any:
    """Fails, or returns an invalid result, with 20 MiB of text."""
    return fail(kind)


@zef_function
def on_join(msg: Any, state: Any) -> Any:
    """Subscribes the client to the news, from within the handler."""
    joins = FX.SubscribeFX(topic=news, op=insert_into(FX.Publish(target=msg.topic_out), "content"))
    return [[joins, FX.Publish(target=msg.topic_out, content="joined")], ET.Connected(out=msg.topic_out)]


@zef_function
def on_news(text: Any, state: Any) -> Any:
    return [[FX.Publish(target=news, content=text)], state]


@zef_function
def on_stop(text: Any, state: Any) -> Any:
    return [[FX.StopHTTPServer(server=state.server)], state]


@zef_function
def on_store(key: Any, state: Any) -> Any:
    """Replies when the update is acknowledged."""
    FX.UpdateDB(db=database[0], insert={key: len(key)}) | run
    return [[FX.Publish(target=state.out, content=key)], state]


def actor(on_text: Any, on_connect: Any = on_connect) -> Any:
    rules = {(ET.WSClientConnected, Any): on_connect, (String | Bytes, ET.Connected): on_text}
    return ET.WebSocket(actor=FX.StartActor(initial_state=ET.Fresh(), rules=rules))


@zef_function
async def what_is_left(request: Any) -> Any:
    """Run on the loop, where the tasks are; do not count this one."""
    gc.collect()
    return ET.JSON(content={"tasks": len(asyncio.all_tasks()) - 1})


@zef_function
def reported(request: Any) -> Any:
    return str(len(request.form_data))


@zef_function
async def reported_async(request: Any) -> Any:
    return str(len(request.form_data))


@zef_function
def big(request: Any) -> Any:
    """Return eight megabytes, made again for each request."""
    return "x" * (8 << 20)


released = threading.Event()
waiting: list[str] = []
handled: list[str] = []


@zef_function
def noted(request: Any) -> Any:
    handled.append(request.path)
    return "noted"


@zef_function
def wait(request: Any) -> Any:
    """Waits until a command releases it."""
    handled.append(request.path)
    waiting.append(request.path)
    released.wait(60)
    waiting.pop()
    return "at last"


ROUTES = {
    "/": "up",
    ("GET", "/told"): reported,
    ("POST", "/told"): reported,
    ("POST", "/told-async"): reported_async,
    ("POST", "/wait"): wait,
    ("GET", "/noted"): noted,
    ("POST", "/noted"): noted,
    "/big": big,
    "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
    "/feed": ET.WebSocket(clients_subscribe_to=[feed]),
    "/oldest": ET.WebSocket(clients_subscribe_to=[feed], slow_client="drop_oldest"),
    "/newest": ET.WebSocket(clients_subscribe_to=[feed], slow_client="drop_newest"),
    "/echo": actor(on_echo),
    "/echo-inline": actor(on_echo_inline),
    "/echo-async": actor(on_echo_async),
    "/crowd": ET.WebSocket(clients_subscribe_to=[crowd], clients_push_into_=[crowd]),
    "/late": ET.WebSocket(clients_subscribe_to=[late], clients_push_into_=[late], echo=False, history=50),
    "/packed": ET.WebSocket(clients_subscribe_to=[packed], clients_push_into_=[packed], compression=True),
    "/sleep": actor(on_sleep),
    "/count": actor(on_count),
    "/long": actor(on_long),
    "/join": actor(on_news, on_join),
    "/stop": actor(on_stop),
    "/store": actor(on_store),
    "/update": actor(on_update),
    "/record": ET.WebSocket(clients_push_into_=[ET.Topic("recorded")]),
    "/left": what_is_left,
    **OWN_ROUTES,
}


class Commands:
    """The attacker's commands to the process, as its user would run them in a cell."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def left(self) -> dict[str, Any]:
        """Return everything that must be gone when all clients are."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}/left", timeout=10) as reply:
            tasks = json.load(reply)["tasks"]
        return {
            "clients": len(FX.QueryAllConnectedWebsocketClients(http_server=self.server) | run),
            "actors": len(FX.ListActors() | run),
            # A route keeps one binding for each topic to which it subscribes its clients.
            "subscriptions": len(FX.StreamGraphSnapshot() | run),
            "tasks": tasks,
            **of_this_process(),
        }

    def clients(self, path: str) -> dict[str, Any]:
        """Return the columns of the table of clients."""
        rows = FX.QueryAllConnectedWebsocketClients(http_server=self.server, path=path) | run
        return {key: [row[key] for row in rows] for key in ("channel_id", "queued", "dropped", "sent", "received")}

    def journal(self, level: str = "warning") -> dict[str, Any]:
        entries = FX.QueryLog(level=level, limit=10_000) | run
        return {
            "entries": len(entries),
            "counts": [entry.get("count", 1) for entry in entries],
            "messages": [entry["message"] for entry in entries],
            "tracebacks": [entry.get("traceback") or "" for entry in entries],
        }

    def http(self, release: bool | None = None) -> dict[str, Any]:
        """Return what HTTP uses now; `release` lets waiting handlers continue, and false lets later ones wait."""
        if release is not None:
            (released.set if release else released.clear)()
        return {
            "waiting": len(waiting),
            "handled": len(handled),
            "threads": threading.active_count(),
            **of_http(),
        }

    def stop(self) -> dict[str, Any]:
        begin = time.monotonic()
        FX.StopHTTPServer(server=self.server) | run
        return {"seconds": time.monotonic() - begin}

    def start_again(self) -> dict[str, Any]:
        """Start on the same port, at once."""
        self.server = FX.StartHTTPServer(routes=ROUTES, port=self.server.port) | run
        return {"port": self.server.port}


def publish(count: int, size: int, topic: str = "feed") -> dict[str, Any]:
    target = ET.Topic(topic)
    return publish_all(lambda message: FX.Publish(target=target, content=message) | run, count, size)


def publish_at_once(count: int, size: int) -> dict[str, Any]:
    return {"published": (FX.PublishAll(target=feed, contents=numbered_messages(count, size)) | run).published}


def open_database(path: str) -> dict[str, Any]:
    database.append(FX.CreateDB(type=DictDatabase, persistence="local_disk", path=path) | run)
    return {}


def read_database(path: str) -> dict[str, Any]:
    db = FX.CreateDB(type=DictDatabase, persistence="local_disk", path=path) | run
    keys = list(db)
    FX.CloseDB(db=db) | run
    return {"keys": keys}


if __name__ == "__main__":
    control = Control()
    server = FX.StartHTTPServer(routes=ROUTES, port=0) | run
    commands = Commands(server)
    recordings = Recordings(server)
    control.serve(
        server.port,
        {
            "left": commands.left,
            "clients": commands.clients,
            "journal": commands.journal,
            "http": commands.http,
            "stop": commands.stop,
            "start_again": commands.start_again,
            "publish": publish,
            "publish_all": publish_at_once,
            "compute": compute,
            "open_database": open_database,
            "read_database": read_database,
            "start_recording": recordings.start,
            "recorded": recordings.recorded,
            "stop_recording": recordings.stop,
            "read_recording": read_recording,
            "hostile_files": hostile_files,
            "fork_amid_writes": fork_amid_writes,
            "cause_itself": cause_itself,
        },
    )
