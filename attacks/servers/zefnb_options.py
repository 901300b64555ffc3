"""zefnb under attack, with all options: compression, an allowed host and origin, a full log, outward clients."""

# ruff: noqa: F403, F405 - the star import and the handlers are written as in the specification

from __future__ import annotations

import io
import json
import logging
import os
import socket
from collections.abc import Callable
from functools import partial

from IPython.lib.pretty import pretty
from rich.console import Console

from attacks.servers.leftovers import of_this_process
from bench.servers.control import Control
from zefnb import *
from zefnb.engine.runtime import default_runtime
from zefnb.notebook.display import display
from zefnb.notebook.doctor import doctor
from zefnb.notebook.magics.faults import FaultRows
from zefnb.notebook.overview import on_loop
from zefnb.notebook.watch import control as channel_module
from zefnb.notebook.watch.control import PATH
from zefnb.notebook.watch.table import Place
from zefnb.notebook.watch.tables import table_names
from zefnb.notebook.watch.terminal import watch_terminal
from zefnb.topics.hub import Hub

room, received, replied = ET.Topic("room"), ET.Topic("heard"), ET.Topic("said")


@zef_function(inline=True)
def on_echo(message: Any, state: Any) -> Any:
    if isinstance(message, str | bytes):
        return [[FX.Publish(target=state, content=message)], state]
    return [[], getattr(message, "topic_out", state)]


@zef_function
def on_anything(message: Any, state: Any) -> Any:
    """Raises for each message, and quotes it."""
    raise ValueError(f"cannot take {message!r}")


@zef_function
def page(request: Any) -> Any:
    raise ValueError(f"cannot reply to {request!r} with {request.headers}, {request.query} and {request.body}")


def the_channel() -> Any:
    return default_runtime().service(channel_module.Control)


def actor(handler: Any, **options: Any) -> Any:
    return ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=handler), **options)


ROUTES = {
    "/": "up",
    "/page": page,
    "/page/{name}": page,
    ("POST", "/page"): page,
    "/ws": ET.WebSocket(clients_subscribe_to=[room], clients_push_into_=[room]),
    "/echo": actor(on_echo),
    "/deflate": actor(on_echo, compression=True),
    "/conformance": actor(on_echo, compression=True, max_size=16 << 20),
    "/complains": actor(on_anything),
}


def _printed(show: Callable[[Console], object]) -> str:
    console = Console(file=io.StringIO(), width=400, highlight=False)
    show(console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


class Commands:
    """The attacker's commands to the process, as its user would run them in a cell."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.outward: Any = None
        self.token: Any = None

    def shown(self) -> dict[str, Any]:
        """Return everything that zefnb shows about its peers, as texts."""
        tables = {
            "journal": FX.QueryLog(level="debug", limit=10_000) | run,
            "clients": FX.QueryAllConnectedWebsocketClients(http_server=self.server) | run,
            "server": FX.QueryHTTPServer(server=self.server) | run,
            "servers": FX.QueryAllActiveHTTPServers() | run,
            "endpoints": FX.QueryAllWebsocketEndpoints(http_server=self.server) | run,
            "topics": FX.StreamGraphSnapshot() | run,
            "actors": FX.ListActors() | run,
            "outward": FX.ListWebSocketClients() | run,
            "outward client": FX.QueryWebSocketClient(client=self.outward) | run if self.outward else None,
            "handles": [self.server, self.outward],
        }
        return {name: f"{value!r} {value}" for name, value in tables.items()}

    def entries(self) -> dict[str, Any]:
        """Return the texts and numbers of the journal's warnings and errors."""
        shown = ("message", "count", "examples", "traceback")
        rows = FX.QueryLog(level="warning", limit=10_000) | run
        return {"entries": [{key: row[key] for key in shown if key in row} for row in rows]}

    def drawn(self) -> dict[str, Any]:
        """Return what a terminal and a notebook show."""
        entries = FX.QueryLog(level="debug", limit=10_000) | run
        faults = FaultRows(FX.QueryLog(level="error", limit=100) | run)
        clients = FX.QueryAllConnectedWebsocketClients(http_server=self.server) | run
        shown = {"faults": faults, "log": entries, "table of clients": clients}
        texts = {name: display.plain_text(rows, colour=False, width=400) or "" for name, rows in shown.items()}
        texts |= {f"{name} as HTML": str(display.as_html(rows)) for name, rows in shown.items()}
        texts["faults"] = pretty(faults)
        for name in table_names():
            texts[f"watch {name} in a terminal"] = _printed(partial(watch_terminal, default_runtime(), name, Place()))
        texts["doctor"] = _printed(doctor)
        texts["journal"] = "\n".join(str(value) for entry in entries for value in entry.values())
        return {name: text.encode(errors="surrogatepass").decode("utf-8", "replace") for name, text in texts.items()}

    def connect(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        ca_file: str | None = None,
        redirects: str = "same-origin",
    ) -> dict[str, Any]:
        """Connect outward; return "" or the error that a user would see, with everything in it."""
        options = {"redirects": redirects, **({"ca_file": ca_file} if ca_file else {})}
        try:
            self.outward = (
                FX.StartWebSocketClient(
                    url=url, in_stream_into=[received], out_stream_from=[replied], headers=headers or {}, **options
                )
                | run
            )
        except Exception as error:
            return {"failed": f"{error} {error!r} {error.__cause__!r} {error.__context__!r} {error.__dict__}"}
        return {"failed": ""}

    def say(self, first: int, count: int, size: int = 0) -> dict[str, Any]:
        """Publish numbers to the topic of the outward client."""
        for number in range(first, first + count):
            FX.Publish(target=replied, content=f"{number:08d}" + "." * size) | run
        return {}

    def reported(self) -> dict[str, Any]:
        """Return the outward client's own figures."""
        row = FX.QueryWebSocketClient(client=self.outward) | run
        return {key: row[key] for key in ("state", "sent", "received", "queued", "dropped", "attempts")}

    def disconnect(self) -> dict[str, Any]:
        FX.StopWebSocketClient(client=self.outward) | run
        self.outward = None
        return {}

    def journal(self) -> dict[str, Any]:
        entries = FX.QueryLog(limit=10_000) | run
        return {"messages": [entry["message"] for entry in reversed(entries)]}

    def resolve(self, host: str, address: str) -> dict[str, Any]:
        """Let `host` resolve to `address` from now on."""
        inner = socket.getaddrinfo

        def getaddrinfo(name: Any, *given: Any, **options: Any) -> Any:
            return inner(address if name == host else name, *given, **options)

        socket.getaddrinfo = getaddrinfo
        os.environ["no_proxy"] = "*"
        return {}

    def watch(self) -> dict[str, Any]:
        """Open the channel of the live tables, as the notebook does."""
        channel = the_channel()
        token = on_loop(default_runtime(), channel.open)
        self.token = token
        return {"url": f"ws://127.0.0.1:{channel.port}{PATH}", "token": token.name, "secret": token.reveal()}

    def views_through_kernel(self, count: int, idle_timeout: float) -> dict[str, Any]:
        """Open views through the kernel that follow a topic, pause, and never send anything again."""
        channel = the_channel()
        channel_module._IDLE_TIMEOUT = idle_timeout

        def open_views() -> int:
            for number in range(count):
                for request in ({"do": "window"}, {"do": "follow", "topic": "t"}, {"do": "pause"}):
                    channel.handle_request(self.token, f"v{number}", json.dumps(request), lambda text: None)
            return len(channel._viewers)

        return {"views": on_loop(default_runtime(), open_views)}

    def views(self) -> dict[str, Any]:
        channel = the_channel()
        followed = [state for state in default_runtime().service(Hub).topics() if state.topic == ET.Topic("t")]
        return {"views": len(channel._viewers), "followed": len(followed), "ticks": int(channel.is_ticking)}

    def left(self) -> dict[str, Any]:
        return {
            "clients": len(FX.QueryAllConnectedWebsocketClients(http_server=self.server) | run),
            "actors": len(FX.ListActors() | run),
            **of_this_process(),
        }


if __name__ == "__main__":
    control = Control()
    # As a user who turns on debugging for all loggers.
    logging.basicConfig(level=logging.DEBUG)
    # The outward client sends back all that it receives.
    FX.MapTopic(source=received, target=replied, op=identity) | run
    server = (
        FX.StartHTTPServer(
            routes=ROUTES,
            port=0,
            logging=True,
            allowed_hosts=["hub.example"],
            allowed_origins=["https://app.example"],
        )
        | run
    )
    commands = Commands(server)
    names = ("shown", "entries", "drawn", "connect", "say", "reported", "disconnect", "journal", "left")
    names += ("resolve", "watch", "views_through_kernel", "views")
    control.serve(server.port, {name: getattr(commands, name) for name in names})
