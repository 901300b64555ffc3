"""The server of the demo's chatroom: its page, and its socket."""

from __future__ import annotations

from importlib.resources import files

from zefnb import ET, FX, run
from zefnb.core.entity import HTTPServer, Topic


def start_chatroom(chat: Topic, port: int) -> HTTPServer:
    """Start a server on `port`, and return its handle. Raises `PortUnavailable`."""
    page = files("zefnb.cli").joinpath("chat.html").read_text(encoding="utf-8")
    routes = {
        "/": ET.HTML(content=page),
        "/ws": ET.WebSocket(clients_subscribe_to=[chat], clients_push_into_=[chat]),
    }
    return FX.StartHTTPServer(routes=routes, port=port) | run
