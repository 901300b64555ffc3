"""picows on uvloop under attack: a room, an echo, handlers that block or raise."""

from __future__ import annotations

import time

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from attacks.servers.peer import serve_peer

listeners: set[WSTransport] = set()
connections: set[WSTransport] = set()


def broadcast(payload: bytes) -> None:
    for transport in listeners:
        transport.send(WSMsgType.TEXT, payload)


class Listener(WSListener):
    """The base of all connections: they are counted, and reply to a close frame."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        connections.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        connections.discard(transport)
        listeners.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.on_message(transport, frame)

    def on_message(self, transport: WSTransport, frame: WSFrame) -> None:
        raise NotImplementedError


class Room(Listener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        listeners.add(transport)

    def on_message(self, transport: WSTransport, frame: WSFrame) -> None:
        broadcast(frame.get_payload_as_bytes())


class Join(Room):
    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        transport.send(WSMsgType.TEXT, b"joined")


class Echo(Listener):
    def on_message(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


class Sleep(Listener):
    def on_message(self, transport: WSTransport, frame: WSFrame) -> None:
        time.sleep(float(frame.get_payload_as_bytes()))
        transport.send(WSMsgType.TEXT, b"slept")


class Count(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def on_message(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.get_payload_as_bytes() == b"raise":
            raise ValueError("as requested")
        self.number += 1
        transport.send(WSMsgType.TEXT, b"%d" % self.number)


LISTENERS = {b"/echo": Echo, b"/sleep": Sleep, b"/count": Count, b"/join": Join}


def choose(request: WSUpgradeRequest) -> WSListener:
    listener: WSListener = LISTENERS.get(bytes(request.path), Room)()
    return listener


async def start() -> int:
    server = await ws_create_server(choose, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


if __name__ == "__main__":
    serve_peer(uvloop.new_event_loop(), start, lambda message: broadcast(message.encode()), lambda: len(connections))
