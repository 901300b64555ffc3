"""picows on uvloop: a broadcast loop at /ws, a bare echo at /echo."""

from __future__ import annotations

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.servers.peer import serve_peer

listeners: set[WSTransport] = set()


def broadcast(payload: bytes) -> None:
    for transport in listeners:
        transport.send(WSMsgType.TEXT, payload)


class Room(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        listeners.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        listeners.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            broadcast(frame.get_payload_as_bytes())


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


def choose(request: WSUpgradeRequest) -> WSListener:
    return Echo() if request.path.startswith(b"/echo") else Room()


async def start() -> int:
    server = await ws_create_server(choose, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    serve_peer(uvloop.new_event_loop(), start, lambda message: broadcast(message.encode()))
