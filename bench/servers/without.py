"""zefnb with one optimization switched off, to show what it gains: `BENCH_WITHOUT=name`.

This is only for measuring; the product has no such switches.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any


def _one_write_per_iteration() -> None:
    """Write each published message at once, as most servers do."""
    from zefnb.net.websocket.outbox import Outbox

    Outbox._schedule = lambda self: None  # type: ignore[method-assign]
    add = Outbox.add

    def add_and_flush(self: Any, connection: Any) -> None:
        add(self, connection)
        self._loop.call_soon(self.flush)

    Outbox.add = add_and_flush  # type: ignore[method-assign]
    deliver = _fanout().deliver

    def deliver_and_flush(self: Any, content: Any) -> None:
        deliver(self, content)
        self._outbox.flush()

    _fanout().deliver = deliver_and_flush


def _joined_batches() -> None:
    """Give each socket the single frames of a batch; each still writes once."""
    from zefnb.net.websocket.outbox import Outbox

    Outbox._flush_batch = lambda self, run, deadline: (
        [  # type: ignore[method-assign,assignment]
            connection.send_raw(frame, 1) for frame in run._frames for connection in run.members
        ]
        and run.take()
    )


def _own_parser() -> None:
    """Let the Sans-I/O protocol parse every frame."""
    from websockets.frames import Opcode

    from zefnb.net.websocket.connection import Connection

    def parse(self: Any, data: Any, deadline: Any) -> int:
        self.protocol.receive_data(bytes(data))
        for event in self.protocol.events_received():
            if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._take_message(event.opcode, bytes(event.data))
        self._write_protocol()
        return len(data)

    Connection._parse = parse  # type: ignore[method-assign]


def _shared_buffer() -> None:
    """Receive by `data_received`, for which asyncio allocates 256 KiB each time."""
    from zefnb.net.websocket.connection import Connection

    class Receiving(asyncio.Protocol):
        """An ordinary protocol for the transport."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection
            self.data_received = connection.data_received

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    for name in ("connection_lost", "eof_received", "pause_writing", "resume_writing"):
        setattr(Receiving, name, lambda self, *args, _name=name: getattr(self._connection, _name)(*args))
    made = Connection.connection_made

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        asyncio.get_running_loop().call_soon(lambda: transport.set_protocol(Receiving(self)))

    Connection.connection_made = connection_made  # type: ignore[method-assign]


def _writes_at_iteration_end() -> None:
    """Write in the next loop iteration."""
    from zefnb.engine.iteration_loop import SelectorIterationLoop

    SelectorIterationLoop.at_iteration_end = SelectorIterationLoop.call_soon  # type: ignore[method-assign,assignment]


def _plain_handshakes() -> None:
    """Let h11 parse and `websockets` accept every handshake."""
    from zefnb.net.http import arrival

    arrival.read_plain = lambda data: None


def _retained_memory() -> None:
    """Let the C library return freed memory to the system."""
    from zefnb.net.websocket import outbox

    outbox.keep_freed_memory = lambda: None


def _wakers() -> None:
    """Wake a waiting thread by a lock."""
    from zefnb.engine import waker as waker

    waker._MOST_SOCKETS = 0


def _fanout() -> Any:
    from zefnb.net.websocket.fanout import Fanout

    return Fanout


TRICKS: dict[str, Callable[[], None]] = {
    "one write per iteration": _one_write_per_iteration,
    "joined batches": _joined_batches,
    "own parser": _own_parser,
    "shared buffer": _shared_buffer,
    "writes at the iteration's end": _writes_at_iteration_end,
    "plain handshakes": _plain_handshakes,
    "kept memory": _retained_memory,
    "wakers": _wakers,
}


def apply() -> None:
    """Switch off the optimization that the environment names."""
    name = os.environ.get("BENCH_WITHOUT")
    if name:
        TRICKS[name]()
